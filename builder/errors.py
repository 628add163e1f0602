"""Everything that can be said against a spec, and the one place where it is said.

The tree:

    GradspecError                 what a user may meet; always a sentence and, where one exists, a hint
    ├── Cause                     raised inside a rule: a problem without a place, never seen by a user
    ├── SpecErrors                all errors of a file together, each a ``SpecError`` with its place
    └── RunError                  wrong input that only a run can show: data, weights, a run folder
        ├── WeightsError          a weights file that does not fit its spec
        ├── DataError             a dataset that is not there or does not fit
        ├── TrainingError         a loss that is not finite, a run that cannot go on
        └── ExportError           an ONNX file that does not equal its module

A rule raises ``Cause``; file, line, column, path and the uses of a block are added in ``Report`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

MAX_ERRORS: Final = 200
LONGEST_NAME: Final = 100
_MOST_USES: Final = 3


class Place(NamedTuple):
    """Where a value stands: file, line and column from 1, and its path in the YAML."""

    file: str
    line: int
    column: int
    path: str = ""


@dataclass(frozen=True, slots=True)
class SpecError:
    """One thing that is wrong (or, as advice, unwise) in a spec.

    ``used_at`` names the lines that used the block in which the place stands, innermost first. What a
    user's text brings into a sentence is made fit to print: control characters as escapes, long names short.
    """

    file: str
    line: int
    column: int
    path: str
    problem: str
    hint: str | None = None
    used_at: tuple[Place, ...] = ()

    def __post_init__(self) -> None:
        for name in ("path", "problem", "hint"):
            text = getattr(self, name)
            if text and (not text.isprintable() or len(text) > LONGEST_NAME):
                object.__setattr__(self, name, _printable(text))

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        at = f"{self.path}: " if self.path else ""
        used = "".join(f" (used at {self._line_of(place)})" for place in self.used_at[:_MOST_USES])
        used += " (and further out)" if len(self.used_at) > _MOST_USES else ""
        hint = f" Hint: {self.hint}" if self.hint else ""
        return f"{where}{at}{self.problem}{used}{hint}"

    def _line_of(self, place: Place) -> str:
        return f"line {place.line}" if place.file == self.file else f"{place.file}:{place.line}"


def _printable(text: str) -> str:
    # Clipped first: what is escaped may be half a megabyte.
    clipped = re.sub(rf"`([^`]{{{LONGEST_NAME}}})[^`]+`", r"`\1…`", text)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in clipped)


class GradspecError(Exception):
    """The root of all errors that a user may meet."""

    def __init__(self, problem: str, hint: str | None = None) -> None:
        super().__init__(problem if hint is None else f"{problem} {hint}")
        self.problem = problem
        self.hint = hint


class Cause(GradspecError):
    """A short cause raised inside a rule.

    ``field`` names the field it is about, if any; ``offset`` counts the characters from the start of
    the text it is about (an expression's column). ``place`` is where that text stands, if it is not the field.
    """

    def __init__(
        self,
        problem: str,
        hint: str | None = None,
        *,
        field: str | None = None,
        offset: int = 0,
        place: Place | None = None,
    ) -> None:
        super().__init__(problem, hint)
        self.field = field
        self.offset = offset
        self.place = place


class SpecErrors(GradspecError):
    """All errors of a file, in the order of its lines."""

    def __init__(self, errors: Iterable[SpecError], advice: Iterable[SpecError] = ()) -> None:
        self.errors: tuple[SpecError, ...] = tuple(errors)
        self.advice: tuple[SpecError, ...] = tuple(advice)
        super().__init__("\n".join(str(e) for e in self.errors))


class RunError(GradspecError):
    """Wrong input that only a run can show."""


class WeightsError(RunError):
    """A weights file that does not fit its spec."""


class DataError(RunError):
    """A dataset that is not there, or does not fit its network."""


class TrainingError(RunError):
    """A training run that cannot go on."""


class ExportError(RunError):
    """An ONNX file that does not equal its module."""


class Notice(UserWarning):
    """A sentence about a run that is right all the same: why it is slower than asked for."""


class Report:
    """Collects what is wrong with one file; the only maker of ``SpecError``.

    After ``MAX_ERRORS`` the reading ends: ``error`` raises ``SpecErrors`` with all there are.
    """

    __slots__ = ("_advice", "_errors", "_uses")

    def __init__(self) -> None:
        self._errors: dict[tuple[str, int, int, str], SpecError] = {}
        self._advice: dict[tuple[str, int, int, str], SpecError] = {}
        self._uses: list[Place] = []

    def error(self, place: Place, problem: str, hint: str | None = None, *, offset: int = 0) -> None:
        """Records an error; the same problem at the same place counts once, however often it is used."""
        self._record(self._errors, place, problem, hint, offset)
        if len(self._errors) > MAX_ERRORS:
            self._errors.popitem()
            at = Place(place.file, place.line, place.column)
            self._record(self._errors, at, f"more than {MAX_ERRORS} errors: the reading ends here", None, 0)
            self.raise_errors()

    def advise(self, place: Place, problem: str, hint: str | None = None) -> None:
        """Records advice, which fails nothing."""
        self._record(self._advice, place, problem, hint, 0)

    @contextmanager
    def used_at(self, place: Place) -> Iterator[None]:
        """What is reported inside stands in a block that ``place`` uses."""
        self._uses.append(place)
        try:
            yield
        finally:
            self._uses.pop()

    @property
    def errors(self) -> tuple[SpecError, ...]:
        """All errors so far, by file, line and column."""
        return _sorted(self._errors.values())

    @property
    def advice(self) -> tuple[SpecError, ...]:
        """All advice so far, by file, line and column."""
        return _sorted(self._advice.values())

    def raise_errors(self) -> None:
        """Raises ``SpecErrors`` if anything is wrong."""
        if self._errors:
            raise SpecErrors(self.errors, self.advice)

    def _record(
        self,
        into: dict[tuple[str, int, int, str], SpecError],
        place: Place,
        problem: str,
        hint: str | None,
        offset: int,
    ) -> None:
        column = place.column + offset
        key = (place.file, place.line, column, problem)
        uses = tuple(reversed(self._uses))
        into.setdefault(key, SpecError(place.file, place.line, column, place.path, problem, hint, uses))


def _sorted(errors: Iterable[SpecError]) -> tuple[SpecError, ...]:
    return tuple(sorted(errors, key=lambda e: (e.file, e.line, e.column)))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` was most likely meant to be, or None.

    >>> nearest("Conv2D", ["Conv2d", "Linear"])
    'Conv2d'
    """
    import difflib

    if len(name) > LONGEST_NAME:
        return None
    folded = {_fold(candidate): candidate for candidate in reversed(list(known))}
    if _fold(name) in folded:
        return folded[_fold(name)]
    close = difflib.get_close_matches(_fold(name), list(folded), n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def _fold(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint with the nearest right spelling, or a list of the few there are, or None.

    >>> did_you_mean("Linear(10)", ["Conv2d", "Linear"])
    'Write `Linear: 10`, with a space after the colon.'
    """
    candidates = list(known)
    call = re.match(r"(\w+)\s*([:({\[])\s*(.*?)[)}\]]?\Z", name, re.DOTALL)
    if call and call[1] in candidates:
        if not call[3]:
            return f"Write `{call[1]}`."
        value = call[3] if call[2] != "{" and re.fullmatch(r"[\w.]+", call[3]) else "{…}"
        return f"Write `{call[1]}: {value}`, with a space after the colon."
    close = nearest(name, candidates)
    if close is not None:
        return f"Did you mean `{close}`?"
    if 0 < len(candidates) <= 16:
        return f"Known here: {', '.join(f'`{c}`' for c in candidates)}."
    return None
