"""Whether a network fits the author's own ``expect``, its data, its loss and its attacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from builder.data.info import DataInfo
from builder.data.section import Data
from builder.errors import Cause, Place, Report, did_you_mean
from builder.language.nodes import Mapping, Node, describe
from builder.reader import Reader, Unknown, place_within
from builder.shapes import SYMBOL, TensorType
from builder.spec.graph import Graph
from builder.spec.written import WrittenSpec
from builder.training.section import Train

_MORE_THAN_ONE: Final = "Build and export it without `data` and `train`, or train it with a loop of your own."


def check_expectations(spec: WrittenSpec, graph: Graph, report: Report) -> None:
    """Reports where the graph differs from ``expect``: counts, and output shapes by layer."""
    if spec.expect is None:
        return
    reader = Reader(report, spec.constants, spec.constants_used)
    for key, node in spec.expect.entries.items():
        try:
            expected = reader.plain(node)
        except Unknown:
            continue
        if key in ("parameters", "multiply_adds"):
            _count(str(key), expected, node, graph, report)
        else:
            _output(str(key), expected, node, spec.expect, graph, report)


def _count(key: str, expected: object, node: Node, graph: Graph, report: Report) -> None:
    if isinstance(expected, bool) or not isinstance(expected, int):
        report.error(node.place, f"expected a whole number, found {describe(expected)}")
    elif graph.complete:
        counted = graph.parameters if key == "parameters" else graph.multiply_adds
        if counted != expected:
            words = key.replace("_", "-")
            report.error(
                node.place,
                f"{expected:,} {words} are expected, and the network has {counted:,}",
                "`gradspec shapes` shows where each comes from.",
            )


def _output(key: str, expected: object, node: Node, keys: Mapping, graph: Graph, report: Report) -> None:
    if not isinstance(expected, list) or not all(map(_is_size, expected)):
        report.error(node.place, f"expected a shape without the batch axis, found {describe(expected)}")
        return
    name = graph.outputs.get(key, key)
    try:
        output = graph.type_of(name)
    except KeyError:
        if graph.complete:
            known = [
                "parameters",
                "multiply_adds",
                *graph.outputs,
                *graph.by_name,
                *graph.aliases,
                *graph.inputs,
            ]
            report.error(keys.keys[key], f"`expect` names no layer: `{key}`", did_you_mean(key, known))
        return
    if list(output.shape) != expected:
        wanted, given = (f"[{', '.join(map(str, shape))}]" for shape in (expected, output.shape))
        report.error(node.place, f"`{key}` is expected to give {wanted}, and it gives {given}")


def _is_size(value: object) -> bool:
    return type(value) is int or (isinstance(value, str) and SYMBOL.match(value) is not None)


def data_info(spec: WrittenSpec, report: Report) -> DataInfo | None:
    """The description of the data; None without `data`, or if something about it is wrong (reported)."""
    if spec.data is None or spec.data_node is None:
        return None
    try:
        return spec.data.describe(spec.folder)
    except Cause as cause:
        report.error(place_within(spec.data_node, cause.field), cause.problem, cause.hint)
        return None


def check_data(spec: WrittenSpec, graph: Graph, report: Report) -> None:
    """Reports where the data does not fit the network's input, or the output does not fit the loss."""
    info = data_info(spec, report)
    check_attacks(spec, graph, info, report)
    if info is None or spec.data is None:
        return
    if not _one_each(spec, graph, report):
        return
    ((name, wanted),) = spec.inputs.items()
    if not wanted.takes(info.input):
        ours, theirs = (f"[{', '.join(map(str, kind.shape))}]" for kind in (wanted, info.input))
        report.error(
            _input_place(spec),
            f"`{name}` is {ours}, and the data gives {theirs}",
            "The sequences are of unequal lengths: write `T` where the length stands."
            if info.input.free
            else "Change `input`, or `preprocess` the data (`Resize: [28, 28]`).",
        )
        return
    if spec.train is None or spec.train_node is None or not graph.output_types:
        return
    (output,) = graph.output_types.values()
    validation = spec.data.splits(info).validation > 0
    for misfit in (
        *spec.train.misfits(output, info.target, validation=validation, arrives=wanted),
        *(_truncation(graph, wanted, info.input, spec.train.truncate)),
        *(_attacked(spec.data, spec.folder, spec.train, output, info)),
    ):
        report.error(place_within(spec.train_node, misfit.field), misfit.problem, misfit.hint)


def _truncation(
    graph: Graph, arrives: TensorType, given: TensorType, truncate: int | None
) -> Iterator[Cause]:
    """Why sequences cannot be trained on piece by piece: each piece has only the steps before it.

    ``arrives`` is the network's input; ``given`` is the data's, whose sequences may be of one length.
    """
    if truncate is None:
        return
    from builder.layers.shared.recurrent import RecurrentLayer

    if arrives.free and isinstance(steps := given.shape[0], int) and truncate >= steps:
        problem = f"`truncate` cuts every {truncate} steps, and every sequence has {steps}: nothing is cut"
        yield Cause(problem, "Write fewer steps, or leave `truncate` out.", field="truncate")
    if not arrives.free:
        problem = f"`truncate` cuts sequences into pieces, and the input is {arrives}: always so long"
        yield Cause(problem, "Give time a free axis: `input: [T, …]`.", field="truncate")
    for use in graph.layers:
        reason: str | None = None
        if not isinstance(use.layer, RecurrentLayer):
            reason = "looks at all steps of a sequence at once" if use.layer.masks else None
        elif use.layer.bidirectional:
            reason = "is bidirectional: it reads from a sequence's end"
        elif use.starts_from:
            reason = f"begins with the states of `{use.starts_from}`, in every piece"
        if reason:
            yield Cause(
                f"`truncate` cuts sequences into pieces, and `{use.name}` {reason}",
                "Leave `truncate` out.",
                field="truncate",
            )


def _attacked(data: Data, folder: Path, train: Train, output: TensorType, info: DataInfo) -> Iterator[Cause]:
    """Why the data's examples cannot be attacked, where training asks for that."""
    if train.adversarial_training is None:
        return
    from builder.robustness.attackable import obstacles

    span = data.fitted.describe(folder).range  # the source's own, whatever `preprocess` makes of it
    for cause in obstacles(info.input, output, info.target, span):
        yield Cause(cause.problem, cause.hint, field="adversarial_training")


def check_attacks(spec: WrittenSpec, graph: Graph, info: DataInfo | None, report: Report) -> None:
    """Reports named attacks that do not fit data and network; ``info`` is None where the data is not known."""
    if not spec.attacks or spec.attacks_node is None:
        return
    if spec.data_node is None:
        report.error(
            spec.attacks_node.place,
            "`attacks` are on the data's examples, and there is no `data`",
            "`eps` is in units of the range that the data's source declares.",
        )
    if info is None or spec.data is None or not graph.complete or len(graph.outputs) != 1:
        return
    from builder.robustness.attackable import obstacles

    (output,) = graph.output_types.values()
    span = spec.data.fitted.describe(spec.folder).range
    for cause in obstacles(info.input, output, info.target, span):
        report.error(spec.attacks_node.place, cause.problem, cause.hint)
        return
    farthest = info.input.size**0.5
    for name, attack in spec.attacks.items():
        if attack.eps is not None and attack.norm == "L2" and attack.eps > farthest:
            report.error(
                place_within(spec.attacks_node, f"{name}.{type(attack).__name__}.eps"),
                f"`eps` is {attack.eps:g} in L2, and no two examples {info.input} within [0, 1] are farther "
                f"than {farthest:.4g} from each other",
                "`eps` is in units of data scaled to [0, 1].",
            )


def _one_each(spec: WrittenSpec, graph: Graph, report: Report) -> bool:
    """Whether the network has the one input that data feeds, and the one output that a loss reads."""
    if len(spec.inputs) > 1:
        report.error(
            _input_place(spec),
            f"data feeds one input, and the network has {len(spec.inputs)}",
            _MORE_THAN_ONE,
        )
    elif spec.train is not None and len(graph.outputs) > 1 and spec.outputs is not None:
        report.error(
            spec.outputs[1][1],
            f"a loss reads one output, and the network has {len(graph.outputs)}",
            _MORE_THAN_ONE,
        )
    return len(spec.inputs) == 1 and len(graph.outputs) <= 1


def _input_place(spec: WrittenSpec) -> Place:
    node = spec.written("input") or spec.written("inputs")
    return node.place if node is not None else spec.document.root.place
