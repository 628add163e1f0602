"""A classifier from an ONNX file that `gradspec train` wrote: what it says of examples, and its features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import onnx
import onnxruntime
import torch
from torch import Tensor

from builder.errors import Cause, DataError
from builder.files.data import MAX_CLASSIFIER_BYTES, find_file
from builder.runtime.data.preprocessing import Preprocessing
from builder.runtime.export.proof import cause_of

WEIGHTED: Final = frozenset(
    {"Gemm", "MatMul", "Conv"}
)  # layers of weights, of which the last is the output's
BATCH: Final = 500
FEATURES: Final = "gradspec features"


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A classifier that takes examples in its source's units, after geometry; what it did to them travels along.

    ``classes`` is the number of its classes.
    """

    path: str
    classes: int
    preprocessing: Preprocessing
    session: onnxruntime.InferenceSession

    @classmethod
    def open(cls, folder: Path, path: str) -> Classifier:
        """Reads the file ``path``, inside ``folder``.

        Raises ``DataError`` if it is not there, no ONNX file, no run's, or no classifier.
        """
        try:
            file = find_file(folder, path, "classifier", MAX_CLASSIFIER_BYTES)
            model = onnx.load_model_from_string(file.read_bytes())
        except Cause as cause:
            raise DataError(cause.problem, cause.hint) from None
        except Exception as error:  # protobuf's own
            raise DataError(f"`{path}` is no ONNX file: {cause_of(error)}") from None
        said = {entry.key: entry.value for entry in model.metadata_props}
        if "preprocessing" not in said:
            raise DataError(
                f"`{path}` does not say in its metadata how examples are preprocessed",
                "Take the `model.onnx` of a run of `gradspec train`.",
            )
        classes = _classes(model)
        if classes is None:
            raise DataError(
                f"`{path}` is no classifier: it has one input, and one output with a logit for each class"
            )
        _show_features(model, path)
        return cls(path, classes, Preprocessing.from_json(said["preprocessing"]), _session(model, path))

    def check(self, shape: tuple[int, ...]) -> None:
        """Raises ``DataError`` if it does not take examples of ``shape``."""
        self.logits(torch.zeros(1, *shape))

    def logits(self, x: Tensor) -> Tensor:
        """N×classes, float32."""
        return self._run(x, 0)

    def features(self, x: Tensor) -> Tensor:
        """What arrives at the last layer of weights, flattened: N×D, float32."""
        return self._run(x, 1).flatten(1)

    def _run(self, x: Tensor, output: int) -> Tensor:
        name = self.session.get_inputs()[0].name
        wanted = [self.session.get_outputs()[output].name]
        try:
            logits = [
                torch.from_numpy(
                    self.session.run(wanted, {name: self.preprocessing(part.float()).numpy()})[0]
                )
                for part in torch.split(x, BATCH)
            ]
        except Exception as error:
            raise DataError(
                f"the classifier `{self.path}` does not take examples of {list(x.shape[1:])}: {cause_of(error)}",
                "It must have been trained on examples of the same shape.",
            ) from None
        return torch.cat(logits)


def _classes(model: onnx.ModelProto) -> int | None:
    """How many logits it gives, if it is a classifier."""
    if len(model.graph.input) != 1 or len(model.graph.output) != 1:
        return None
    sizes = model.graph.output[0].type.tensor_type.shape.dim
    return int(sizes[1].dim_value) if len(sizes) == 2 and sizes[1].dim_value > 1 else None


def _show_features(model: onnx.ModelProto, path: str) -> None:
    """Makes what arrives at the last layer of weights a second output."""
    made = {name: node for node in model.graph.node for name in node.output}
    node = made.get(model.graph.output[0].name)
    while node is not None and node.op_type not in WEIGHTED:
        node = made.get(node.input[0]) if node.input else None
    if node is None:
        raise DataError(f"`{path}` has no layer of weights before its output, so no features")
    # Under a name of its own: what arrives may be the input itself.
    model.graph.node.append(onnx.helper.make_node("Identity", [node.input[0]], [FEATURES]))
    model.graph.output.append(onnx.ValueInfoProto(name=FEATURES))


def _session(model: onnx.ModelProto, path: str) -> onnxruntime.InferenceSession:
    options: Any = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise DataError(f"onnxruntime cannot open `{path}`: {cause_of(error)}") from None
