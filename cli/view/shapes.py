"""A graph as a table with its arithmetic and its totals, and as data: what `gradspec shapes` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cli.view import render

if TYPE_CHECKING:
    from builder import Graph, ModelSpec

SUFFIXES: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def spec_lines(spec: ModelSpec) -> list[render.Line]:
    """The table of a spec's network; of several, each under its name, and what they have together."""
    if not spec.networks:
        return shapes_lines(spec.graph)
    shown: list[render.Line] = []
    for network in spec.networks.values():
        shown += [*shapes_lines(network.graph), ()]
    together = f"{spec.graph.parameters:,} parameters, {memory(4 * spec.graph.parameters)} as float32"
    return [*shown, (("place", "together      "), ("", together))]


def spec_data(spec: ModelSpec) -> dict[str, object]:
    """A spec's network as data; of several, each under its name, and what they have together."""
    if not spec.networks:
        return shapes_data(spec.graph)
    return {
        "name": spec.name,
        "networks": {name: shapes_data(network.graph) for name, network in spec.networks.items()},
        "parameters": spec.graph.parameters,
        "multiply_adds": spec.graph.multiply_adds,
        "complete": spec.graph.complete,
    }


def shapes_lines(graph: Graph) -> list[render.Line]:
    """The table of a graph, and its totals."""
    rows: list[tuple[str, ...]] = []
    digits = len(str(len(graph.layers)))
    for number, layer in enumerate(graph.layers, 1):
        owner = graph.by_name[layer.shared_with] if layer.shared_with else layer
        how = f"weights of {owner.name}" if owner is not layer and owner.parameters else layer.how
        rows.append(
            (f"{number:>{digits}} {layer.name}", str(layer.output_type), f"{layer.parameters:,}", how)
        )
    arrives = ", ".join(f"{name} {type_}" for name, type_ in graph.inputs.items())
    shown: list[render.Line] = [(("dim", f"{graph.name}: {arrives}"),)]
    shown += render.table((f"{'#':>{digits}} layer", "output", "parameters", "how"), rows, right="llr")
    free = " and ".join(graph.lengths)
    unit = f"example, per step of {free}" if free else "example"
    totals = (
        ("parameters", f"{graph.parameters:,}", f"{memory(4 * graph.parameters)} as float32"),
        ("multiply-adds", f"{graph.multiply_adds:,}", f"for one {unit}"),
        ("activations", memory(graph.activation_bytes), f"for one {unit}, every layer's output"),
    )
    wide = max(len(value) for _, value, _ in totals)
    shown.append(())
    shown += [(("place", f"{n:<14}"), ("", f"{v:>{wide}}"), ("dim", f"  {note}")) for n, v, note in totals]
    if not graph.complete:
        shown.append((("advice", "Some shapes are not known: a place is still to be filled."),))
    return shown


def shapes_data(graph: Graph) -> dict[str, object]:
    """A graph as data: what `gradspec shapes --json` writes beside errors and advice."""
    return {
        "name": graph.name,
        "inputs": {name: list(type_.shape) for name, type_ in graph.inputs.items()},
        "layers": [
            {
                "name": layer.name,
                "type": layer.type,
                "inputs": list(layer.inputs),
                "output": list(layer.output),
                "parameters": layer.parameters,
                "multiply_adds": layer.multiply_adds,
                "how": layer.how,
            }
            for layer in graph.layers
        ],
        "outputs": dict(graph.outputs),
        "parameters": graph.parameters,
        "multiply_adds": graph.multiply_adds,
        "activation_bytes": graph.activation_bytes,
        "complete": graph.complete,
    }


def memory(size: int) -> str:
    """A number of bytes as people say it.

    >>> memory(512), memory(246824)
    ('512 bytes', '241.0 KiB')
    """
    for unit, name in SUFFIXES:
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size} bytes"
