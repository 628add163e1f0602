"""Advice on a network that is right but unwise. No check fails and no points are lost by it."""

from __future__ import annotations

from builder.errors import Report
from builder.reader import place_within
from builder.spec.graph import Graph, GraphLayer
from builder.spec.written import WrittenSpec


def advise(spec: WrittenSpec, graph: Graph, report: Report) -> None:
    """Advises on a network without errors: its layers, its last layer and loss, and its data's `preprocess`."""
    readers: dict[str, list[GraphLayer]] = {}
    for layer in graph.layers:
        for source in layer.inputs:
            readers.setdefault(source, []).append(layer)
    outputs = set(graph.outputs.values())
    for layer in graph.layers:
        above = graph.by_name.get(layer.inputs[0]) if layer.inputs else None
        if above is None:
            continue
        if layer.type == "Linear" and above.type == "Linear" and len(readers[above.name]) == 1:
            if above.name not in outputs:
                report.advise(
                    layer.place,
                    f"`{above.name}` and `{layer.name}` have nothing between them: together they are one",
                    "Put an activation such as `ReLU` between them.",
                )
        elif layer.type.startswith("BatchNorm") and getattr(above.layer, "bias", False) is True:
            report.advise(
                above.place,
                f"the bias of `{above.name}` does nothing: `{layer.name}` subtracts the mean right after it",
                "Write `bias: false`.",
            )
    _states_left_behind(graph, report)
    _softmax_before_loss(spec, graph, report)
    _affine_before_geometry(spec, report)


def _states_left_behind(graph: Graph, report: Report) -> None:
    """Advises where `state_from`, which goes by name, leaves out a state of the other layer."""
    for layer in graph.layers:
        source = graph.by_name.get(layer.starts_from or "")
        left = [state for state in source.ports if state not in layer.ports] if source is not None else []
        if source is not None and left:
            listed = " and ".join(f"`{source.name}.{state}`" for state in left)
            report.advise(
                layer.place,
                f"`{layer.name}` has no state for {listed}: it begins without",
                f"States are handed over by name; `from: {source.name}.{left[0]}` reads one.",
            )


def _softmax_before_loss(spec: WrittenSpec, graph: Graph, report: Report) -> None:
    loss = type(spec.train.loss).__name__ if spec.train is not None else ""
    for name in graph.outputs.values():
        last = graph.by_name.get(name)
        if last is None:
            continue
        if loss == "CrossEntropyLoss" and last.type in ("Softmax", "LogSoftmax"):
            report.advise(
                last.place,
                f"`{last.type}` before `CrossEntropyLoss`, which takes the logarithm of a softmax itself",
                f"Leave `{last.type}` out.",
            )
        elif loss == "BCEWithLogitsLoss" and last.type == "Sigmoid":
            report.advise(
                last.place, "`Sigmoid` before `BCEWithLogitsLoss`, which applies one itself", "Leave it out."
            )


def _affine_before_geometry(spec: WrittenSpec, report: Report) -> None:
    """Advises where `Rescale` or `Standardize` is not written last: they always run last."""
    if spec.data is None or spec.data_node is None:
        return
    steps = spec.data.preprocess
    for index, step in enumerate(steps):
        if step.stage == "affine" and any(later.stage == "geometry" for later in steps[index + 1 :]):
            place = place_within(spec.data_node, f"preprocess.{index}")
            report.advise(
                place,
                f"`{type(step).__name__}` comes last, wherever it stands",
                "Write it last, as it is meant.",
            )
