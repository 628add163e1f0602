"""Whether a recurrent layer can begin with the final states of another: `state_from`."""

from __future__ import annotations

from collections.abc import Iterable

from builder.errors import Cause
from builder.layers.layer import Layer
from builder.layers.shared.recurrent import RecurrentLayer
from builder.shapes import Inferred
from builder.spec.graph import GraphLayer


def check_states(name: str, source: GraphLayer | None, layer: Layer, inferred: Inferred) -> None:
    """Raises ``Cause`` unless ``layer`` can begin with the final states of ``source``, called ``name``."""
    kind = type(layer).__name__
    if not isinstance(layer, RecurrentLayer):
        raise Cause(f"`{kind}` is not recurrent: it has no state to begin with", "Remove `state_from`.")
    if source is None or not isinstance(source.layer, RecurrentLayer):
        raise Cause(f"`{name}` is not recurrent: it has no final states", "Name a recurrent layer.")
    if source.layer.num_layers != layer.num_layers:
        raise Cause(
            f"`{name}` has `num_layers` {source.layer.num_layers}, and this `{kind}` {layer.num_layers}",
            "Each layer begins with the state of its own counterpart: give both equally many.",
        )
    if missing := inferred.ports.keys() - source.ports.keys():
        raise Cause(
            f"`{name}` ends with the states {_listed(source.ports)}, "
            f"and this `{kind}` begins with {_listed(inferred.ports)}",
            f"Nothing would be there for {_listed(sorted(missing))}.",
        )
    for state, wanted in inferred.ports.items():
        final = source.ports[state]
        if final != wanted:
            both = (
                ", both directions together"
                if isinstance(source.layer, RecurrentLayer) and (source.layer.bidirectional)
                else ""
            )
            raise Cause(
                f"`{name}` ends with a state `{state}` of {final.size} values{both}, "
                f"and this `{kind}` begins with {wanted.size}",
                f"Give this `{kind}` a `hidden_size` that makes them equal.",
            )


def _listed(names: Iterable[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)
