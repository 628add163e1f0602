"""What may happen to a check: four outcomes, each of them data.

A check ends in exactly one of them. Not-a-number, an empty answer, an exception and a timeout are no pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from builder.errors import GradspecError


@dataclass(frozen=True, slots=True)
class Passed:
    """As required: all points. ``detail`` is what a receipt adds, a sentence or two."""

    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Not as required.

    ``expected`` and ``found`` are short phrases ("62,000 parameters at most", "88,106"); ``fraction`` in
    [0, 1) is the part of the points that was reached; ``direction`` says which way it is off without a figure
    ("too many parameters"), for checks that must not be an oracle. Raises ``ValueError`` for any other
    fraction, not-a-number included.
    """

    expected: str
    found: str
    hint: str | None = None
    fraction: float = 0.0
    direction: str | None = None
    detail: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.fraction < 1:
            raise ValueError(f"the fraction of a failed check is in [0, 1), found {self.fraction}")


@dataclass(frozen=True, slots=True)
class Blocked:
    """Could not be judged, because of the submission: no points, and ``reason`` says why.

    ``by`` names the check that did not pass, or the part of the submission that stands in the way.
    """

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Our fault, or the machine's: a person must look; the student is not judged, never zero."""

    error: str


Outcome = Passed | Failed | Blocked | Broken

NAMES: Final[dict[type[Passed] | type[Failed] | type[Blocked] | type[Broken], str]] = {
    Passed: "passed",
    Failed: "failed",
    Blocked: "blocked",
    Broken: "broken",
}


def name_of(outcome: Outcome) -> str:
    """``passed``, ``failed``, ``blocked`` or ``broken``.

    >>> name_of(Passed())
    'passed'
    """
    return NAMES[type(outcome)]


def fraction_of(outcome: Outcome) -> float | None:
    """The part of the points that was reached, in [0, 1]; None when nothing was judged (broken)."""
    match outcome:
        case Passed():
            return 1.0
        case Failed(fraction=fraction):
            return fraction
        case Blocked():
            return 0.0
        case Broken():
            return None


class Refusal(GradspecError):
    """Raised in a worker when the submission itself is at fault; it becomes ``Failed`` with no credit."""

    def __init__(self, expected: str, found: str, hint: str | None = None) -> None:
        super().__init__(f"expected {expected}, found {found}", hint)
        self.expected = expected
        self.found = found

    def failed(self) -> Failed:
        """The outcome that this is."""
        return Failed(self.expected, self.found, self.hint)
