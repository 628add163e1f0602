"""What keeps a cell from being one of torch's layers, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from builder.cells.cell import Cell
from builder.cells.meaning.normal_form import (
    Atom,
    Call,
    Column,
    Monomial,
    NormalForm,
    Polynomial,
    TooLarge,
    Value,
    atoms,
)
from builder.cells.term import OPERATORS, Apply, Project, Read, Term, Weight, parts

TORCHS: Final = frozenset({*OPERATORS, "sigmoid", "tanh", "relu", "identity"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that torch's layers do otherwise. ``names`` are the equations in which it shows."""

    names: tuple[str, ...]
    text: str


def differences(cell: Cell) -> tuple[Difference, ...]:
    """What torch's layers do otherwise: for a cell that ``recognise`` does not know, at least one thing."""
    shown = [*_as_written(cell)]
    with suppress(TooLarge):
        shown += _by_form(NormalForm(cell))
    other = Difference(
        tuple(equation.name for equation in cell.equations), "its equations are put together in another way"
    )
    return tuple(shown) or (other,)


def _as_written(cell: Cell) -> Iterator[Difference]:
    """What the equations show one by one, before gates are written out."""
    terms = {equation.name: equation.term for equation in cell.equations}
    if not cell.carried:
        text = f"nothing is carried from step to step: torch's layers read `{cell.output}_prev`"
        yield Difference(tuple(terms), text)
    if carried := [name for name in cell.carried if name not in cell.states]:
        reading = _where(
            terms, lambda part: isinstance(part, Read) and part.previous and part.name in carried
        )
        gates = "a gate" if len(carried) == 1 else "the gates"
        listed = f"{_listed(carried, '_prev')}, {gates} of the step before"
        yield Difference(reading, f"{_listed(reading)} read{_s(reading)} {listed}")
    seen = {name: _where(terms, partial(_weighed, states=[name])) for name in cell.states[1:]}
    if inner := [name for name, peeping in seen.items() if peeping]:
        peeping = tuple(name for name in terms if any(name in seen[state] for state in inner))
        states = f"the cell state{'s' if len(inner) > 1 else ''} {_listed(inner)}"
        yield Difference(
            peeping,
            f"{_listed(peeping)} look{_s(peeping)} at {states} (a peephole): "
            "torch's gates see `x` and the output alone",
        )
    if diagonal := _where(terms, lambda part: _weighed(part, [cell.output])):
        yield Difference(
            diagonal, f"a vector, no matrix, multiplies `{cell.output}_prev` in {_listed(diagonal)}"
        )
    if gated := _where(terms, _gated):
        yield Difference(
            gated,
            f"in {_listed(gated)} a gate multiplies before the matrix, `U @ (r * h_prev)`: "
            "in nn.GRU it does after it, `r * (U @ h_prev + b)`",
        )
    used = [part.function for term in terms.values() for part in parts(term) if isinstance(part, Apply)]
    for function in dict.fromkeys(used):
        if function not in TORCHS:
            using = _where(terms, partial(_applies, function))
            yield Difference(using, f"{_listed(using)} use{_s(using)} `{function}`")


def _by_form(form: NormalForm) -> Iterator[Difference]:
    """What shows only when the gates are written out."""
    cell = form.cell
    output = cell.output
    for name, value in form.values.items():
        if (call := _only_call(value)) is not None:
            yield from _of_gate(name, call, output)
    names = [name for name in form.needed if name != output]
    if len(names) == 1:
        yield from _of_lstm(form, names[0])
    elif not names and len({atom for atom in atoms(form.values[output]) if _is_sigmoid(atom)}) == 1:
        yield Difference((output,), "it has one gate: nn.GRU has two, nn.RNN none")


def _only_call(value: Polynomial) -> Call | None:
    """The function that an equation is, if it is one of a sum in which a matrix stands."""
    calls = [atom for monomial, _ in value for atom in monomial if isinstance(atom, Call)]
    if len(calls) != 1 or calls[0].function not in ("sigmoid", "tanh", "relu"):
        return None
    held = [atom for operand in calls[0].operands for monomial, _ in operand for atom in monomial]
    return calls[0] if any(isinstance(atom, Column) for atom in held) else None


def _of_gate(name: str, gate: Call, output: str) -> Iterator[Difference]:
    """What a gate reads through matrices, and should not or should."""
    operands = {atom.operand for inner in gate.operands for atom in atoms(inner) if isinstance(atom, Column)}
    read = {atom.name for operand in operands for atom in operand if isinstance(atom, Value)}
    for wanted, shown in (("x", "x"), (output, f"{output}_prev")):
        if wanted not in read:
            yield Difference((name,), f"no matrix of `{name}` multiplies `{shown}`")
    for other in sorted(read - {"x", output}):
        yield Difference((name,), f"a matrix of `{name}` multiplies `{other}_prev`")


def _of_lstm(form: NormalForm, state: str) -> Iterator[Difference]:
    """Of a cell with a second carried value, as an LSTM has: its gates that are not there, or are one."""
    kept = [monomial for monomial, _ in form.values[state] if Value(state) in monomial]
    new = [monomial for monomial, _ in form.values[state] if Value(state) not in monomial]
    forgetting, writing = _gates(kept), _gates(new)
    if not kept:
        return
    if not forgetting:
        yield Difference((state,), f"it has no forget gate: all of `{state}_prev` stays")
    elif forgetting & writing:
        text = f"its gates are coupled: one decides what `{state}` forgets and what it takes in"
        yield Difference((state,), text)
    if not writing:
        yield Difference((state,), f"it has no input gate: all that is new goes into `{state}`")
    out = form.values[form.cell.output]
    if not _gates(monomial for monomial, _ in out):
        yield Difference((form.cell.output,), "it has no output gate")
    if not any(_is_tanh_of(state, atom) for monomial, _ in out for atom in monomial):
        yield Difference((form.cell.output,), f"`{state}` leaves without a tanh")
    if new and not any(_call_in(monomial, "tanh") for monomial in new):
        yield Difference((state,), f"what is new in `{state}` passes no tanh")


def _gates(monomials: Iterable[Monomial]) -> set[Polynomial]:
    """What the sigmoids among the factors are of."""
    return {
        atom.operands[0]
        for monomial in monomials
        for atom in monomial
        if isinstance(atom, Call) and _is_sigmoid(atom)
    }


def _is_tanh_of(state: str, atom: Atom) -> bool:
    if not isinstance(atom, Call) or atom.function != "tanh":
        return False
    return any(inner == Value(state) for inner in atoms(atom.operands[0]))


def _is_sigmoid(atom: Atom) -> bool:
    return isinstance(atom, Call) and atom.function == "sigmoid"


def _call_in(monomial: Monomial, function: str) -> bool:
    return any(isinstance(atom, Call) and atom.function == function for atom in monomial)


def _where(terms: dict[str, Term], holds: Callable[[Term], bool]) -> tuple[str, ...]:
    return tuple(name for name, term in terms.items() if any(holds(part) for part in parts(term)))


def _weighed(part: Term, states: list[str]) -> bool:
    """Whether a vector or scalar multiplies one of the states."""
    if not isinstance(part, Apply) or part.function != "multiply":
        return False
    kinds = {type(operand) for operand in part.operands}
    read = [operand.name for operand in part.operands if isinstance(operand, Read)]
    return Weight in kinds and any(name in states for name in read)


def _gated(part: Term) -> bool:
    """Whether a matrix multiplies a product of values."""
    return isinstance(part, Project) and any(
        isinstance(inner, Apply) and inner.function == "multiply" and _reads(inner) > 1
        for operand in part.operands
        for inner in parts(operand)
    )


def _applies(function: str, part: Term) -> bool:
    return isinstance(part, Apply) and part.function == function


def _reads(term: Term) -> int:
    return len({(part.name, part.previous) for part in parts(term) if isinstance(part, Read)})


def _listed(names: Iterable[str], suffix: str = "") -> str:
    *most, last = [f"`{name}{suffix}`" for name in names]
    return f"{', '.join(most)} and {last}" if most else last


def _s(names: tuple[str, ...]) -> str:
    return "s" if len(names) == 1 else ""
