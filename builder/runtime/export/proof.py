"""An ONNX file held against its network: random examples, some padded, through onnxruntime and through torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor

from builder.errors import ExportError
from builder.runtime.network.module import Network, inputs_of, lengths_read, outputs_of
from builder.spec.inputs import LENGTHS

BATCHES: Final = (1, 5)
SIZES: Final = ((1, 1), (2, 7), (5, 13))  # batches and their steps, where an axis is free
TOLERANCE: Final = 1e-4  # of the largest output: float32 sums in another order differ by about 1e-6

Examples = dict[str, Tensor]  # what arrives, in the file's order: inputs, then lengths


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found when the file was held against its module.

    ``largest`` is the largest absolute difference of any output on seeded random inputs at the batch sizes
    ``batches``; ``allowed`` what it may be: 1e-4 of the largest output, at least 1e-6. Where an axis is free,
    ``steps`` are how long it was, batch by batch, with examples of all lengths up to that; of several free
    axes each next one is as long as the one before is in the next batch.
    """

    largest: float
    allowed: float
    batches: tuple[int, ...]
    opset: int
    steps: tuple[int, ...] = ()


def prove(network: Network, model: onnx.ModelProto) -> Proof:
    """Holds an ONNX model against ``network`` (in ``eval`` mode, on the CPU), on seeded random inputs.

    Inputs are standard normal, tokens uniform, padding as random as the rest; of each batch's lengths one is
    full. Raises ``ExportError`` with the output that differs, where and by how much, for values that are no
    numbers too.
    """
    session = _session(model)
    generator = torch.Generator().manual_seed(0)
    largest = allowed = 0.0
    for batch, steps in _sizes(network):
        examples = random_examples(network, batch, steps, generator)
        at = ", ".join(f"{name} {size}" for name, size in {"batch": batch, **steps}.items())
        expected = _outputs(network, examples)
        try:
            answers = session.run(list(expected), {name: x.numpy() for name, x in examples.items()})
        except Exception as error:
            raise ExportError(
                f"onnxruntime cannot run the exported file at {at}: {cause_of(error)}"
            ) from error
        for (name, wanted), got in zip(expected.items(), answers, strict=True):
            difference, bound = _difference(name, wanted.numpy(), np.asarray(got), at)
            if difference > bound:
                raise ExportError(
                    f"The exported file does not equal the network: `{name}` differs by {difference:.1e} at "
                    f"{at}, and {bound:.1e} is allowed.",
                    "No file was written. One of its layers is exported wrongly by this version of torch.",
                )
            largest, allowed = max(largest, difference), max(allowed, bound)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if not symbols_of(network):
        return Proof(largest, allowed, BATCHES, opset)
    batches, lengths = zip(*SIZES, strict=True)
    return Proof(largest, allowed, batches, opset, lengths)


def symbols_of(network: Network) -> tuple[str, ...]:
    """The free axes of the network's inputs, in order."""
    return tuple(dict.fromkeys(symbol for kind in inputs_of(network).values() for symbol in kind.free))


def random_examples(
    network: Network, batch: int, steps: Mapping[str, int], generator: torch.Generator
) -> Examples:
    """A batch for each input, and its lengths where a layer obeys them; ``steps`` says how long free axes are."""
    examples: Examples = {}
    for name, kind in inputs_of(network).items():
        shape = (batch, *(steps[size] if isinstance(size, str) else size for size in kind.shape))
        if kind.vocabulary is None:
            examples[name] = torch.randn(shape, generator=generator)
        else:
            examples[name] = torch.randint(kind.vocabulary, shape, generator=generator)
    for name in lengths_read(network):
        (symbol,) = inputs_of(network)[name.removesuffix(LENGTHS)].free
        lengths = torch.randint(1, steps[symbol] + 1, (batch,), generator=generator)
        lengths[int(torch.randint(batch, (), generator=generator))] = steps[symbol]
        examples[name] = lengths
    return examples


def cause_of(error: Exception) -> str:
    """The last line that says something: exporters wrap the cause in pages of advice."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return f"{type(cause).__name__}: {lines[0] if lines else 'no message'}"


def _sizes(network: Network) -> Iterator[tuple[int, dict[str, int]]]:
    """The batches to try, and how long each free axis is in them."""
    symbols = symbols_of(network)
    if not symbols:
        yield from ((batch, {}) for batch in BATCHES)
        return
    for at, (batch, _) in enumerate(SIZES):
        yield batch, {symbol: SIZES[(at + k) % len(SIZES)][1] for k, symbol in enumerate(symbols)}


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise ExportError(f"onnxruntime cannot open the exported file: {cause_of(error)}") from error


def _outputs(network: Network, examples: Examples) -> dict[str, Tensor]:
    with torch.inference_mode():
        output = network(**examples)
    return output if isinstance(output, dict) else {outputs_of(network)[0]: output}


def _difference(
    name: str, wanted: np.ndarray[Any, Any], got: np.ndarray[Any, Any], at: str
) -> tuple[float, float]:
    """The largest difference, and the largest allowed. Raises ``ExportError`` where there is none to take."""
    if wanted.shape != got.shape:
        raise ExportError(
            f"The exported file gives `{name}` as {got.shape} at {at}, expected {wanted.shape}."
        )
    if not np.isfinite(wanted).all():
        raise ExportError(
            f"`{name}` is not finite on random inputs, so nothing can be proved.",
            "The network's weights hold values that are no numbers, or far too large.",
        )
    difference = float(np.abs(wanted.astype(np.float64) - got).max(initial=0.0))
    bound = max(TOLERANCE * float(np.abs(wanted).max(initial=0.0)), 1e-6)
    return (difference if np.isfinite(difference) else float("inf")), bound
