"""What `robustness` may be asked against: attacks, which follow a gradient, and disturbances, which do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, final

from builder.component import Catalogue, Component
from builder.errors import Cause, did_you_mean
from builder.robustness.attacks.attack import Attack, attacks
from builder.robustness.disturbances.disturbance import Disturbance, disturbances

Threat = Attack | Disturbance


@final
class _Threats(Catalogue[Component]):
    """Both catalogues as one."""

    def __init__(self) -> None:
        super().__init__("attack or disturbance", "builder.robustness.attacks", Component)

    def __contains__(self, name: object) -> bool:
        return name in attacks or name in disturbances

    def __iter__(self) -> Iterator[str]:
        yield from attacks
        yield from disturbances

    def __getitem__(self, name: str) -> type[Component]:
        return attacks[name] if name in attacks else disturbances[name]

    def module_of(self, name: str) -> str:
        return attacks.module_of(name) if name in attacks else disturbances.module_of(name)

    def get(self, name: str) -> type[Component]:
        if name not in self:
            raise Cause(f"there is no {self.kind} `{name}`", did_you_mean(name, self))
        return self[name]


threats: Final[Catalogue[Component]] = _Threats()
_FORWARD: Final = 3  # times forward alone cost what one time forward and back does
_REPEATED: Final = ("steps", "restarts", "search_steps", "binary_search_steps")


def named(threat: Component) -> str:
    """A threat in a few words: ``PGD 0.1``, ``Rotation 15``, ``Blur severity 3``."""
    name = type(threat).__name__
    main = getattr(threat, threat.main or "", None)
    if main is None and isinstance(threat, Disturbance):
        return f"{name} severity {threat.severity}"
    return name if main is None else f"{name} {main:g}"


def passes(threat: Component, classes: int) -> int:
    """How often a network is run forward and back for one example, at most."""
    if not isinstance(threat, Attack):
        return 0
    times = classes if type(threat).__name__ == "DeepFool" else 1  # one gradient for each class
    for name in _REPEATED:
        times *= int(getattr(threat, name, None) or 1)
    return -(-times * int(getattr(threat, "queries", _FORWARD)) // _FORWARD)
