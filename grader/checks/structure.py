"""structure: which layers a network is made of, and gates that mean what they should, however written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, final

import numpy as np
from pydantic import model_validator

from builder.cells.meaning.equality import Counterexample, Equal
from builder.component import Accepted, Component, Rejected
from builder.errors import Cause, RunError, did_you_mean
from builder.fields import Text
from builder.language.nodes import describe
from builder.layers.layer import layers
from grader.check import Brief, Check, Subject
from grader.comparing.cell_equality import CellComparer, known_cell
from grader.comparing.matching import MOST_CELLS
from grader.exchange import Array, Findings, Task
from grader.outcome import Failed, Outcome, Passed
from grader.outline import Outline, OutlineLayer, cell_of

if TYPE_CHECKING:
    from builder.cells.cell import Cell

DIGITS: Final = 4
_BOUNDS: Final = "As in `{Conv2d: 2, Dropout: {min: 1, max: 3}}`."


@final  # a section: the catalogue of checks reads `@final` alone on its line
class Gates(Component):
    """A cell of the submission, and the one it must be equal to.

    `cell` is its name, or a layer's that is made of it; where the submission has none of that name, any cell
    that its author wrote may be it. `equal_to` is a cell of the reference, or else of the shipped library, or
    else `LSTM`, `GRU` or `RNN` of torch; `nn.LSTM` is always torch's, so a student can check it at home.
    Absent, it is the reference's cell called as `cell`.
    """

    section_key: ClassVar[str | None] = "gates"
    main: ClassVar[str | None] = "cell"
    accepts = (Accepted("Memory"), Accepted("{cell: Memory, equal_to: nn.LSTM}"))
    rejects = (
        Rejected("{cell: 3}", "expected a text, found 3"),
        Rejected("{equal_to: LSTM}", "`gates` needs `cell`"),
    )

    cell: Text
    equal_to: Text | None = None

    @property
    def of_torch(self) -> bool:
        """Whether it is held against one of torch's own."""
        return (self.equal_to or "").startswith("nn.")


@dataclass(frozen=True, slots=True)
class _Slip:
    """One part that is not as required."""

    expected: str
    found: str
    direction: str
    hint: str | None = None
    detail: str | None = None


@final
class structure(Check):
    """Your network is made of the layers it should be, and its gates mean what they should.

    `require` and `forbid` list layer types; `count` says how many there must be of a type: a number, or
    `{min: 1, max: 3}`. A type is torch's or the shipped library's: a cell of your own under the same name is
    not of it. `gates: {cell: Memory, equal_to: LSTM}` holds the equations of your cell against those of the
    reference's cell of that name, or the library's, or `nn.LSTM`, `nn.GRU` and `nn.RNN`: names, order, signs and
    spelling do not count; where they mean something else, numbers show it. Each type that is named, and the
    gates, have the same share of the points.
    """

    takes_networks: ClassVar[bool] = True

    accepts = (
        Accepted("{require: [Conv2d, Dropout], forbid: [LSTM]}"),
        Accepted("{count: {Conv2d: 2, Linear: {min: 1, max: 3}}}"),
        Accepted("{gates: Memory}"),
        Accepted("{gates: {cell: Memory, equal_to: nn.LSTM}, forbid: [LSTM, GRU]}"),
    )
    rejects = (
        Rejected("", "`structure` needs `require`, `forbid`, `count` or `gates`"),
        Rejected("{require: Conv2d}", 'expected a list of layer types, found the text "Conv2d"'),
        Rejected("{require: [Conv2D]}", "there is no layer type `Conv2D`"),
        Rejected("{require: [ReLU], forbid: [ReLU]}", "`ReLU` is required and forbidden"),
        Rejected("{count: {ReLU: many}}", 'expected how many `ReLU`, found the text "many"'),
        Rejected("{count: {ReLU: {min: 3, max: 2}}}", "`min` is 3 and `max` is 2: no network has that"),
        Rejected("{count: 3}", "expected layer types, each with how many, found 3"),
        Rejected("{gates: {equal_to: LSTM}}", "`gates` needs `cell`"),
    )

    require: Any = ()
    forbid: Any = ()
    count: Any = None
    gates: Gates | None = None

    @model_validator(mode="after")
    def _what_is_asked(self) -> Self:
        for field in ("require", "forbid"):
            names = getattr(self, field)
            if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
                raise Cause(f"expected a list of layer types, found {describe(names)}", field=field)
            for place, name in enumerate(names):
                _check_type(name, f"{field}.{place}")
        for name in self.require:
            if name in self.forbid:
                raise Cause(f"`{name}` is required and forbidden", field="forbid")
        if self.count is not None:
            if not isinstance(self.count, dict):
                raise Cause(
                    f"expected layer types, each with how many, found {describe(self.count)}",
                    _BOUNDS,
                    field="count",
                )
            for name, bounds in self.count.items():
                _check_type(str(name), f"count.{name}")
                _bounds(str(name), bounds)
        if not (self.require or self.forbid or self.count or self.gates):
            raise Cause(
                "`structure` needs `require`, `forbid`, `count` or `gates`", "As in `{require: [ReLU]}`."
            )
        return self

    @property
    def needs_reference(self) -> bool:
        """Only for `gates` that are compared with a cell of the reference."""
        return self.gates is not None and not self.gates.of_torch

    def prepare(self, brief: Brief, subject: Subject) -> Task | Outcome | None:
        """No task: the outlines hold the equations. Raises ``RunError`` if no known cell has the name."""
        if self.gates is not None:
            self._wanted(self.gates, brief)
        return None

    def judge(self, brief: Brief, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """Each type of `require`, `forbid` and `count`, and the gates, has the same share."""
        network = subject.network
        used = Counter(layer.type for layer in network.layers if not layer.own)
        judged = len(self.require) + len(self.forbid) + len(self.count or {}) + (self.gates is not None)
        slips = list(self._types(network, used))
        if self.gates is not None and (slip := self._gates(self.gates, brief, network)) is not None:
            slips.append(slip)
        if not slips:
            return Passed("the gates mean what they should" if self.gates else None)
        return Failed(
            "; ".join(slip.expected for slip in slips),
            "; ".join(slip.found for slip in slips),
            next((slip.hint for slip in slips if slip.hint), None),
            (judged - len(slips)) / judged,
            direction="; ".join(slip.direction for slip in slips),
            detail=" ".join(slip.detail for slip in slips if slip.detail) or None,
        )

    def _types(self, network: Outline, used: Counter[str]) -> Iterable[_Slip]:
        """What is wrong with the types that are named."""
        for name in self.require:
            if not used[name]:
                own = any(layer.own and layer.type == name for layer in network.layers)
                hint = f"Your own cell `{name}` is not torch's." if own else None
                yield _Slip(f"a `{name}`", "none", f"a `{name}` is missing", hint)
        for name in self.forbid:
            if used[name]:
                where = next(u.name for u in network.layers if u.type == name and not u.own)
                yield _Slip(f"no `{name}`", f"`{where}`", f"`{name}` is not allowed here")
        for name, bounds in (self.count or {}).items():
            least, most = _bounds(name, bounds)
            number = used[name]
            if not least <= number <= (number if most is None else most):
                way = "few" if number < least else "many"
                yield _Slip(f"{_range(least, most)} `{name}`", str(number), f"too {way} `{name}`")

    def _wanted(self, gates: Gates, brief: Brief) -> Cell:
        """The equations that the cell is held against. Raises ``RunError`` if there are none."""
        name = gates.equal_to or gates.cell
        own = {layer.type: layer for layer in brief.reference.layers} if brief.reference else {}
        layer = None
        if brief.reference is not None and not gates.of_torch:
            named = brief.reference.layer(name)
            layer = own[name] if name in own and own[name].equations is not None else named
        cell = cell_of(layer) if layer is not None else None
        cell = cell or known_cell(name)
        if cell is None:
            known = [type for type in own if own[type].equations is not None]
            raise RunError(
                f"there is no cell `{name}` in the reference, in the library or in torch",
                did_you_mean(name, known),
            )
        return cell

    def _gates(self, gates: Gates, brief: Brief, network: Outline) -> _Slip | None:
        """What is wrong with the submission's cell."""
        wanted = self._wanted(gates, brief)
        comparer = brief.comparer or CellComparer()
        mine = _mine(gates.cell, network)
        label = f"a cell `{gates.cell}` that means the same as `{gates.equal_to or gates.cell}`"
        if not mine:
            listed = ", ".join(f"`{name}`" for name in _cells(network)) or "none"
            return _Slip(
                label, f"the cells {listed}" if listed != "none" else "no cell", "the cell is missing"
            )
        answers: list[tuple[Cell, Counterexample | None]] = []
        for cell in mine:
            answer = comparer.compare(wanted, cell)
            if isinstance(answer, Equal):
                return None
            answers.append((cell, answer))
        cell, apart = answers[0]
        if apart is None:
            return _Slip(
                label,
                f"`{cell.name}`, which is too large to be compared",
                "the cell is too large",
                "Write each gate as an equation of its own, as simply as it can be.",
            )
        return _Slip(
            f"{label}: {_shown(wanted.output, apart.one_output)}",
            f"{_shown(cell.output, apart.other_output)}",
            f"`{cell.name}` does not mean what it should",
            _where(cell, apart),
            _weights(apart),
        )


def _check_type(name: str, field: str) -> None:
    from builder.cells.shipped import shipped

    if name not in layers and name not in layers.later and name not in shipped():
        raise Cause(
            f"there is no layer type `{name}`", did_you_mean(name, [*layers, *shipped()]), field=field
        )


def _bounds(name: str, bounds: Any) -> tuple[int, int | None]:
    """The least and the most of a type. Raises ``Cause``."""
    field = f"count.{name}"
    if _whole(bounds):
        return bounds, bounds
    keys = set(bounds) if isinstance(bounds, dict) else set()
    if not keys or keys - {"min", "max"} or not all(_whole(value) for value in bounds.values()):
        raise Cause(f"expected how many `{name}`, found {describe(bounds)}", _BOUNDS, field=field)
    least, most = int(bounds.get("min", 0)), bounds.get("max")
    if most is not None and most < least:
        raise Cause(f"`min` is {least} and `max` is {most}: no network has that", field=field)
    return least, most


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _range(least: int, most: int | None) -> str:
    if most is None:
        return f"at least {least}"
    return str(least) if least == most else f"{least} to {most}"


def _cells(network: Outline) -> dict[str, OutlineLayer]:
    """The first layer of each cell of the submission's own."""
    return {layer.type: layer for layer in reversed(network.layers) if layer.own}


def _mine(name: str, network: Outline) -> list[Cell]:
    """The submission's cell of that name, or that of the layer of that name, or else each that it has."""
    own, named = _cells(network), network.layer(name)
    if name in own:
        chosen = [own[name]]
    elif named is not None and named.own:
        chosen = [named]
    else:
        chosen = list(own.values())
    return [layer.cell for layer in chosen[:MOST_CELLS] if layer.cell is not None]


def _shown(name: str, output: Array) -> str:
    """The output at every step, as it is written on the board."""
    return ", ".join(f"{name}_{t} = {_vector(row)}" for t, row in enumerate(output, start=1))


def _where(cell: Cell, apart: Counterexample) -> str:
    """The input, and the first step at which the outputs differ."""
    off = np.abs(apart.one_output - apart.other_output).max(axis=1)
    step = int(np.argmax(~(off < 1e-9))) + 1
    inputs = ", ".join(f"x_{t} = {_vector(row)}" for t, row in enumerate(apart.x, start=1))
    late = "" if step == 1 else " What is carried from step to step is worth a look."
    return f"For {inputs}, from states of zero, `{cell.name}` differs at step {step} first.{late}"


def _weights(apart: Counterexample) -> str:
    """The weights of the submission's cell for which this is so."""
    told = ", ".join(f"{name} = {_matrix(array)}" for name, array in apart.other_weights.items())
    return f"With the weights {told}." if told else ""


def _matrix(array: Array) -> str:
    if array.ndim == 2:
        return f"[{', '.join(_vector(row) for row in array)}]"
    return _vector(array) if array.ndim else f"{float(array):.{DIGITS}g}"


def _vector(row: Array) -> str:
    return f"[{', '.join(f'{value + 0.0:.{DIGITS}g}' for value in row)}]"
