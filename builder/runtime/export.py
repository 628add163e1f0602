"""ONNX, proved: the file is written only if onnxruntime gives what torch gives.

The graph is the network alone. What ``data.preprocess`` fitted (``Rescale``, ``Standardize``) is not in it:
as in the weights file, it travels as JSON in the metadata, under ``preprocessing``. Source:
torch.onnx.export with ``dynamo=True``.
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor
from torch.export import Dim

from builder.errors import ExportError
from builder.runtime.files import write_atomically
from builder.runtime.module import Network, inputs_of, outputs_of
from builder.runtime.run import Run, metadata_of
from builder.shapes import TensorType

BATCHES: Final = (1, 5)
TRACED_BATCH: Final = 2
TOLERANCE: Final = 1e-4  # of the largest output: float32 sums in another order differ by about 1e-6
ATTEMPTED_BYTES: Final = 2**31 - 1  # protobuf's limit


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found when the file was held against its module.

    ``largest`` is the largest absolute difference of any output on seeded random inputs at the batch sizes
    ``batches``; ``allowed`` what it may be: 1e-4 of the largest output, at least 1e-6.
    """

    largest: float
    allowed: float
    batches: tuple[int, ...]
    opset: int


def export(what: Run | Network, path: Path) -> Proof:
    """Writes a network to ``path`` as one ONNX file with its weights inside, and proves that it is equal.

    Inputs and outputs have the spec's names and a free batch axis called ``batch``; the network is exported
    in float32 as it predicts (``eval``), and is itself left as it is. The file's metadata holds
    ``gradspec`` (the version) and ``proof``; of a run also ``preprocessing`` and ``classes``. Raises
    ``ExportError``, and leaves no file, if torch cannot export the network, or if onnxruntime gives other
    values on random inputs.
    """
    network = what if isinstance(what, Network) else what.module
    still = copy.deepcopy(network).cpu().eval()
    model = _translated(still)
    proof = prove(still, model)
    said = metadata_of(None if isinstance(what, Network) else what.preprocessing)
    onnx.helper.set_model_props(model, said | {"proof": json.dumps(asdict(proof))})
    write_atomically(path, lambda temporary: temporary.write_bytes(model.SerializeToString()))
    return proof


def prove(network: Network, model: onnx.ModelProto) -> Proof:
    """Holds an ONNX model against ``network`` (in ``eval`` mode, on the CPU), on seeded random inputs.

    Inputs are standard normal, tokens uniform. Raises ``ExportError`` with the output that differs and by how
    much, for values that are no numbers too.
    """
    session = _session(model)
    generator = torch.Generator().manual_seed(0)
    largest = allowed = 0.0
    for batch in BATCHES:
        inputs = _examples(inputs_of(network), batch, generator)
        expected = _outputs(network, inputs)
        try:
            found = session.run(
                list(expected), {k: v.numpy() for k, v in zip(inputs_of(network), inputs, strict=True)}
            )
        except Exception as error:
            raise ExportError(f"onnxruntime cannot run the exported file: {_first_line(error)}") from error
        for (name, wanted), got in zip(expected.items(), found, strict=True):
            difference, bound = _difference(name, wanted.numpy(), np.asarray(got))
            if difference > bound:
                raise ExportError(
                    f"The exported file does not equal the network: `{name}` differs by {difference:.1e} at "
                    f"batch {batch}, and {bound:.1e} is allowed.",
                    "No file was written. One of its layers is exported wrongly by this version of torch.",
                )
            largest, allowed = max(largest, difference), max(allowed, bound)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return Proof(largest, allowed, BATCHES, opset)


def _translated(network: Network) -> onnx.ModelProto:
    """The network as ONNX, without what the exporter notes about this machine (file names, stack traces)."""
    inputs = _examples(inputs_of(network), TRACED_BATCH, torch.Generator().manual_seed(0))
    batch = Dim("batch")
    try:
        with _quiet():
            program = torch.onnx.export(
                network,
                inputs,
                dynamo=True,
                external_data=False,
                verbose=False,
                input_names=list(inputs_of(network)),
                output_names=list(outputs_of(network)),
                dynamic_shapes=(tuple({0: batch} for _ in inputs),),
            )
        assert program is not None
        model = program.model_proto
    except Exception as error:
        raise ExportError(f"torch.onnx cannot export this network: {_first_line(error)}") from error
    if model.ByteSize() > ATTEMPTED_BYTES:
        raise ExportError("The network is larger than the 2 GiB that one ONNX file can hold.")
    for owner in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del owner.metadata_props[:]
    del model.metadata_props[:]
    return model


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise ExportError(f"onnxruntime cannot open the exported file: {_first_line(error)}") from error


def _examples(types: Mapping[str, TensorType], batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """A random batch for each input."""
    return tuple(
        torch.randn(batch, *kind.shape, generator=generator)
        if kind.vocabulary is None
        else torch.randint(kind.vocabulary, (batch, *kind.shape), generator=generator)
        for kind in types.values()
    )


def _outputs(network: Network, inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    with torch.inference_mode():
        found = network(*inputs)
    return found if isinstance(found, dict) else {outputs_of(network)[0]: found}


def _difference(name: str, wanted: np.ndarray[Any, Any], got: np.ndarray[Any, Any]) -> tuple[float, float]:
    """The largest difference, and the largest allowed. Raises ``ExportError`` where there is none to take."""
    if wanted.shape != got.shape:
        raise ExportError(f"The exported file gives `{name}` as {got.shape}, expected {wanted.shape}.")
    if not np.isfinite(wanted).all():
        raise ExportError(
            f"`{name}` is not finite on random inputs, so nothing can be proved.",
            "The network's weights hold values that are no numbers, or far too large.",
        )
    difference = float(np.abs(wanted.astype(np.float64) - got).max(initial=0.0))
    bound = max(TOLERANCE * float(np.abs(wanted).max(initial=0.0)), 1e-6)
    return (difference if np.isfinite(difference) else float("inf")), bound


@contextmanager
def _quiet() -> Iterator[None]:
    """Holds back the exporter's notices; what goes wrong is raised, not noted."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


def _first_line(error: Exception) -> str:
    """The last line that says something: exporters wrap the cause in pages of advice."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return f"{type(cause).__name__}: {lines[0] if lines else 'no message'}"
