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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from builder.errors import ExportError
from builder.runtime.cells.module import CellModule
from builder.runtime.cells.onnx_operators import with_operators
from builder.runtime.cells.onnx_scan import with_scans
from builder.runtime.cells.placeholders import placeholders
from builder.runtime.export.proof import Proof, cause_of, prove, random_examples, symbols_of
from builder.runtime.network.module import Network, inputs_of, outputs_of
from builder.runtime.runs.files import write_atomically
from builder.runtime.runs.run import Run, metadata_of

TRACED_BATCH: Final = 2
TRACED_STEPS: Final = 3  # of the first free axis; each next one is a step longer
ATTEMPTED_BYTES: Final = 2**31 - 1  # protobuf's limit


def export(what: Run | Network, path: Path | str) -> Proof:
    """Writes a network to ``path`` as one ONNX file with its weights inside, and proves that it is equal.

    Inputs and outputs have the spec's names and a free batch axis called ``batch``; axes of free length keep
    their symbols, and where a layer obeys the lengths of its examples, the file takes them as
    ``<input>_lengths``, int64, one for each example, after the inputs. The network is exported in float32 as
    it predicts (``eval``), and is itself left as it is. The file's metadata holds ``gradspec`` (the version)
    and ``proof``; of a run also ``preprocessing`` and ``classes``. Raises ``ExportError``, and leaves no
    file, if torch cannot export the network, or if onnxruntime gives other values on random inputs.
    """
    network = what if isinstance(what, Network) else what.module
    still = copy.deepcopy(network).cpu().eval()
    model = translated(still)
    proof = prove(still, model)
    said = metadata_of(None if isinstance(what, Network) else what.preprocessing)
    onnx.helper.set_model_props(model, said | {"proof": json.dumps(asdict(proof))})
    write_atomically(Path(path), lambda temporary: temporary.write_bytes(model.SerializeToString()))
    return proof


def translated(network: Network, steps: int = TRACED_STEPS) -> onnx.ModelProto:
    """The network as ONNX, without what the exporter notes about this machine (file names, stack traces).

    It is traced on sequences of ``steps``, of which nothing is left. Raises ``ExportError``.
    """
    long = {symbol: steps + k for k, symbol in enumerate(symbols_of(network))}
    examples = random_examples(network, TRACED_BATCH, long, torch.Generator().manual_seed(0))
    try:
        with _quiet(), placeholders():
            program = torch.onnx.export(
                _by_position(network, tuple(examples)),
                tuple(examples.values()),
                dynamo=True,
                external_data=False,
                verbose=False,
                input_names=list(examples),
                output_names=list(outputs_of(network)),
                dynamic_shapes=(_dynamic_shapes(network, examples),),
            )
        assert program is not None
        model = program.model_proto
        cells = {
            module._cell.name: module._cell for module in network.modules() if isinstance(module, CellModule)
        }
        with_operators(model, cells)
        with_scans(model, cells)
        _clean(model)
    except Exception as error:
        raise ExportError(f"torch.onnx cannot export this network: {cause_of(error)}") from error
    if model.ByteSize() > ATTEMPTED_BYTES:
        raise ExportError("The network is larger than the 2 GiB that one ONNX file can hold.")
    return model


def _clean(model: onnx.ModelProto) -> None:
    """Drops what nothing reads any more, and all that the exporter noted."""
    graph = model.graph
    read = {name for node in _nodes(graph) for name in node.input} | {output.name for output in graph.output}
    kept = [initializer for initializer in graph.initializer if initializer.name in read]
    domains = {node.domain for node in _nodes(graph)}
    imported = [entry for entry in model.opset_import if entry.domain in domains]
    del graph.initializer[:], model.opset_import[:]
    graph.initializer.extend(kept)
    model.opset_import.extend(imported)
    noted = (graph.node, graph.value_info, graph.initializer, graph.input, graph.output)
    for owner in (model, graph, *(one for several in noted for one in several)):
        del owner.metadata_props[:]


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those in the bodies of others too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from _nodes(attribute.g)


def _by_position(network: Network, names: Sequence[str]) -> nn.Module:
    """The network, taking what ``names`` says by position: lengths that no layer obeys may be left out."""
    same = copy.copy(network)

    def forward(*given: Tensor) -> Tensor | dict[str, Tensor]:
        return network.forward(**dict(zip(names, given, strict=True)))

    vars(same)["forward"] = forward
    return same


def _dynamic_shapes(network: Network, names: Iterable[str]) -> tuple[dict[int, Dim], ...]:
    """The axes that are free of each of the inputs and lengths ``names``."""
    batch = Dim("batch")
    symbols = {symbol: Dim(symbol) for symbol in symbols_of(network)}
    inputs = inputs_of(network)
    return tuple(
        {0: batch} | {axis: symbols[size] for axis, size in enumerate(sizes, 1) if isinstance(size, str)}
        for sizes in (inputs[name].shape if name in inputs else () for name in names)
    )


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
