"""From YAML to cells: keys, names and equations, every error at its line and column.

The language is the section "Gates" of docs/language.md. What an equation means is settled here: what its
names stand for (``builder.cells.names``), what is read before what (``builder.cells.order``), how wide its
values are (``builder.cells.widths``).

A peephole LSTM (Gers & Schmidhuber, "Recurrent Nets that Time and Count", 2000):

>>> from builder.language.source import read_text
>>> text = '''
... Peephole:
...   states: [h, c]
...   parameters: {p: vector}
...   gates:
...     i: sigmoid(W @ [h_prev, x] + p * c_prev + b)
...     f: sigmoid(W @ [h_prev, x] + p * c_prev + b)
...     o: sigmoid(W @ [h_prev, x] + p * c + b)
...   update:
...     c: f * c_prev + i * tanh(W @ [h_prev, x] + b)
...     h: o * tanh(c)
... '''
>>> cell = read_cells(read_text(text).root, Report())["Peephole"]

``o`` reads the new ``c``, so it is worked out after it. Each equation owns the parameters that it reads:

>>> [equation.name for equation in cell.equations]
['i', 'f', 'c', 'o', 'h']
>>> [name for name in cell.parameters]
['i.W', 'i.p', 'i.b', 'f.W', 'f.p', 'f.b', 'o.W', 'o.p', 'o.b', 'c.W', 'c.b']
>>> cell.parameters["i.W"]
CellParameter(name='i.W', kind='matrix', columns=('hidden', 'input'))
>>> cell.parameter_shapes(input_size=3, hidden_size=5)["i.W"]
(5, 8)
>>> cell.equations[-1].term.operands[0]
Read(name='o', previous=False, offset=0)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, cast

from builder.cells.cell import Cell, CellParameter, Equation, Kind
from builder.cells.equation import parse
from builder.cells.names import Names, check_equation_name, check_parameter_name
from builder.cells.order import Circle, leading_to, ordered
from builder.cells.term import Read, Term, Weight, parts
from builder.cells.widths import Widths
from builder.errors import Cause, Place, Report, did_you_mean
from builder.language.keys import checked_name, has_hole, is_hole, misspelt, read_keys
from builder.language.nodes import Mapping, Node, Scalar, Sequence, describe, written

MAX_EQUATIONS: Final = 100
KEYS: Final = ("states", "parameters", "gates", "update", "init", "initial")
_EXAMPLE: Final = "As in `{states: [h], update: {h: tanh(W @ x + U @ h_prev + b)}}`."


def read_cells(node: Node | None, report: Report) -> dict[str, Cell | None]:
    """The cells of a spec's ``cells``, by name; None for one that is wrong (reported) or has holes."""
    if node is None or is_hole(node):
        return {}
    if not isinstance(node, Mapping):
        report.error(node.place, f"expected names, each with a cell, found {describe(node)}")
        return {}
    if not node.entries:
        report.error(node.place, "`cells` has no cell", "Name one, or remove the key.")
    for key, place in node.keys.items():
        checked_name(key, place, report)
    return {str(key): read_cell(str(key), node.keys[key], cell, report) for key, cell in node.entries.items()}


def read_cell(name: str, place: Place, node: Node, report: Report) -> Cell | None:
    """One cell, its name standing at ``place``; None if it is wrong (reported) or has holes."""
    if is_hole(node):
        return None
    if not isinstance(node, Mapping):
        report.error(node.place, f"expected a cell, found {describe(node)}", _EXAMPLE)
        return None
    return _CellReader(name, place, node, report).cell()


@dataclass(frozen=True, slots=True)
class _Written:
    """An equation as it stands in the file; ``term`` is None if it is a hole, or wrong."""

    place: Place
    node: Node
    term: Term | None


class _CellReader:
    """Reads one cell. ``whole`` turns false at a hole or an error: then there is no cell."""

    def __init__(self, name: str, place: Place, node: Mapping, report: Report) -> None:
        self.name = name
        self.place = place
        self.node = node
        self.report = report
        self.whole = True
        self.open = False  # whether a hole hides names, so that a missing one is no error

    def cell(self) -> Cell | None:
        read_keys(self.node, KEYS, "a cell", self.report)
        self.whole = all(key in KEYS for key in self.node.entries)
        states = self._states()
        declared = self._declared()
        equations = self._equations(states, declared)
        parsed = {name: equation.term for name, equation in equations.items()}
        names = Names(parsed | {name: None for name in states if name not in parsed}, declared)
        terms = self._resolved(equations, names)
        self._check_init(names, states)
        initial = self._initial()
        if not self.whole:
            return None
        order = self._order(equations, terms)
        self._check_used(states, declared, equations, terms)
        widths, elementwise = self._widths(equations, terms, names)
        if not self.whole:
            return None
        reads = [part for term in terms.values() for part in parts(term) if isinstance(part, Read)]
        if all(read.name != "x" for read in reads):
            self.report.advise(self.place, f"`{self.name}` never reads `x`: what arrives changes nothing")
        before = {read.name for read in reads if read.previous}
        init = self.node.get("init")
        return Cell(
            name=self.name,
            place=self.place,
            states=states,
            equations=tuple(
                Equation(name, terms[name], _text(equations[name].node), equations[name].node.place)
                for name in order
            ),
            parameters={
                name: CellParameter(name, names.kind(name), widths.columns.get(name, ()))
                for name in names.parameters()
            },
            carried=tuple(name for name in dict.fromkeys((*states, *equations)) if name in before),
            written=written(self.node),
            init=init if isinstance(init, Mapping) else None,
            initial=initial,
            elementwise_x=elementwise,
        )

    def _error(self, place: Place, problem: str, hint: str | None = None, *, offset: int = 0) -> None:
        self.whole = False
        self.report.error(place, problem, hint, offset=offset)

    def _error_within(self, node: Node, cause: Cause) -> None:
        """An error inside an equation, behind the quote that may stand before it."""
        quoted = isinstance(node, Scalar) and node.quoted
        self._error(node.place, cause.problem, cause.hint, offset=cause.offset + quoted)

    def _hole(self, *, hides_names: bool = True) -> None:
        self.whole = False
        self.open = self.open or hides_names

    def _checked(self, check: Callable[[object], str], name: object, place: Place) -> None:
        try:
            check(name)
        except Cause as cause:
            self._error(place, cause.problem, cause.hint)

    # What the keys say

    def _states(self) -> tuple[str, ...]:
        node = self.node.get("states")
        if node is None:
            self._hole()
            if not misspelt("states", self.node, KEYS):
                self._error(self.place, f"the cell `{self.name}` needs `states`", _EXAMPLE)
            return ()
        if has_hole(node):
            self._hole()
        if not isinstance(node, Sequence) or not node.items:
            if not is_hole(node):
                self._hole()
                found = "an empty list" if isinstance(node, Sequence) else describe(node)
                problem = f"expected a list of the states' names, found {found}"
                self._error(node.place, problem, "As in `states: [h, c]`.")
            return ()
        states: dict[str, None] = {}
        for item in node.items:
            if is_hole(item):
                continue
            if not isinstance(item, Scalar) or not isinstance(item.value, str):
                self._hole()
                self._error(item.place, f"expected a state's name, found {describe(item)}")
                continue
            self._checked(check_equation_name, item.value, item.place)
            if item.value in states:
                self._error(item.place, f"the state `{item.value}` stands twice", "Remove one.")
            states[item.value] = None
        return tuple(states)

    def _declared(self) -> dict[str, Kind]:
        declared: dict[str, Kind] = {}
        for key, place, node in self._entries("parameters", "names, each `vector` or `scalar`"):
            self._checked(check_parameter_name, key, place)
            declared[str(key)] = "vector"
            if isinstance(node, Scalar) and node.value in ("vector", "scalar"):
                declared[str(key)] = cast(Kind, node.value)
            elif is_hole(node):
                self._hole(hides_names=False)
            else:
                problem = f"expected `vector` or `scalar`, found {describe(node)}"
                hint = "Matrices have a capital initial and need no declaration."
                self._error(node.place, problem, hint if _is(node, "matrix") else None)
        return declared

    def _equations(self, states: tuple[str, ...], declared: dict[str, Kind]) -> dict[str, _Written]:
        """The equations in file order, gates first, each parsed."""
        if "update" not in self.node.entries and not misspelt("update", self.node, KEYS):
            self._error(self.place, f"the cell `{self.name}` needs `update`: its states' equations", _EXAMPLE)
        equations: dict[str, _Written] = {}
        for section in ("gates", "update"):
            entries = self._entries(section, "names, each with an equation")
            if len(entries) > MAX_EQUATIONS:
                problem = f"expected at most {MAX_EQUATIONS} equations, found {len(entries)}"
                self._error(self.node.keys[section], problem)
            failed = False
            for key, place, node in entries[:MAX_EQUATIONS]:
                if failed and _is(node, None) and ")" in str(key):
                    continue  # the other half of an equation with a comma, which was reported
                name = str(key)
                term = self._parsed(name, node)
                failed = term is None
                if section == "gates":
                    self._check_gate(key, place, states, declared)
                elif not self._check_update(name, place, states, equations):
                    continue
                equations.setdefault(name, _Written(place, node, term))
        at = self.node.keys.get("update")
        for state in states if at is not None and not self.open else ():
            if state not in equations:
                assert at is not None
                self._error(at, f"the state `{state}` has no equation", f"Add `{state}: …` under `update`.")
        return equations

    def _check_gate(
        self, key: object, place: Place, states: tuple[str, ...], declared: dict[str, Kind]
    ) -> None:
        if key in states:
            hint = "Its equation stands under `update`; a gate needs another name."
            self._error(place, f"`{key}` is a state and cannot be a gate too", hint)
        elif key in declared:
            self._error(place, f"`{key}` is a parameter and cannot be a gate too", "Rename one of the two.")
        else:
            self._checked(check_equation_name, key, place)

    def _check_update(
        self, name: str, place: Place, states: tuple[str, ...], gates: dict[str, _Written]
    ) -> bool:
        if name in states or self.open:
            return True
        hint = did_you_mean(name, states)
        if name in gates:
            hint = "A gate has its one equation under `gates`."
        self._error(place, f"`{name}` is no state, and only states are updated", hint)
        return False

    def _parsed(self, name: str, node: Node) -> Term | None:
        if is_hole(node):
            self._hole(hides_names=False)
            return None
        if not isinstance(node, Scalar) or node.value is None:
            self._error(node.place, f"expected an equation for `{name}`, found {describe(node)}")
            return None
        try:
            return parse(node.text)
        except Cause as cause:
            self._error_within(node, cause)
            return None

    def _entries(self, section: str, expected: str) -> list[tuple[object, Place, Node]]:
        node = self.node.get(section)
        if node is None:
            return []
        if isinstance(node, Mapping):
            return [(key, node.keys[key], value) for key, value in node.entries.items()]
        self._hole()
        if not is_hole(node):
            self._error(node.place, f"expected {expected}, found {describe(node)}")
        return []

    def _initial(self) -> Literal["zeros", "learned"]:
        node = self.node.get("initial")
        if node is None or _is(node, "zeros"):
            return "zeros"
        if is_hole(node):
            self._hole(hides_names=False)
        elif not _is(node, "learned"):
            self._error(node.place, f"expected `zeros` or `learned`, found {describe(node)}")
        return "learned"

    def _check_init(self, names: Names, states: tuple[str, ...]) -> None:
        node = self.node.get("init")
        if node is None or is_hole(node):
            return
        if not isinstance(node, Mapping):
            problem = f"expected parameters and their initialisers, found {describe(node)}"
            self._error(node.place, problem, "As in `init: {f.b: {constant_: 1.0}}`.")
            return
        known = [*names.parameters(), *(f"{state}.initial" for state in states)]
        short = [name.rpartition(".")[2] for name in known]
        for key, place in node.keys.items() if self.whole else ():
            if not any(name == key or name.endswith(f".{key}") for name in known):
                hint = did_you_mean(str(key), dict.fromkeys([*known, *short]))
                self._error(place, f"`{self.name}` has no parameter `{key}`", hint)

    # What the equations say

    def _resolved(self, equations: dict[str, _Written], names: Names) -> dict[str, Term]:
        terms: dict[str, Term] = {}
        for name, equation in equations.items():
            if equation.term is None:
                continue
            terms[name], causes = names.resolved(name, equation.term)
            for cause in causes if not self.open else ():
                self._error_within(equation.node, cause)
        return terms

    def _order(self, equations: dict[str, _Written], terms: dict[str, Term]) -> list[str]:
        try:
            return ordered(terms)
        except Circle as circle:
            self._error_within(equations[circle.owner].node, circle)
            return []

    def _check_used(
        self,
        states: tuple[str, ...],
        declared: dict[str, Kind],
        equations: dict[str, _Written],
        terms: dict[str, Term],
    ) -> None:
        """Every gate leads to a state, and every declared parameter stands in an equation."""
        used = leading_to(states, terms)
        for name, equation in equations.items():
            if name not in used:
                hint = "Read it in an equation that leads to a state, or remove it."
                self._error(equation.place, f"the gate `{name}` is never used", hint)
        weights = (part for term in terms.values() for part in parts(term) if isinstance(part, Weight))
        read = {weight.name.rpartition(".")[2] for weight in weights}
        node = self.node.get("parameters")
        for name in declared:
            if name not in read and isinstance(node, Mapping):
                self._error(node.keys[name], f"the parameter `{name}` is never used", "Use it, or remove it.")

    def _widths(
        self, equations: dict[str, _Written], terms: dict[str, Term], names: Names
    ) -> tuple[Widths, tuple[Place, int] | None]:
        widths = Widths(names.kind)
        elementwise: tuple[Place, int] | None = None
        for name, term in terms.items():
            node = equations[name].node
            try:
                offset = widths.measure(term)
            except Cause as cause:
                self._error_within(node, cause)
                continue
            if offset is not None and elementwise is None:
                elementwise = node.place, offset + (isinstance(node, Scalar) and node.quoted)
        return widths, elementwise


def _text(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _is(node: Node | None, value: object) -> bool:
    return isinstance(node, Scalar) and node.value == value and not node.is_hole
