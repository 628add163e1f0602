"""What flows where within one step of a cell: boxes for gates, circles for signs, lines for values. Torch-free.

A box holds an equation's function with the matrices and biases before it: `sigmoid(W @ x + U @ h_prev + b)`
is one box that reads x and h_prev. All else is a circle per sign.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from builder.cells.cell import Cell, Equation
from builder.cells.shown.typeset import FUNCTION_SIGNS, Typesetter
from builder.cells.term import Apply, Constant, Project, Read, Term, Weight, folded, parts

Shape = Literal["source", "box", "circle", "sink"]

SIGNS: Final = {"add": "+", "subtract": "−", "multiply": "⊙", "divide": "÷", "power": "xʸ", "negative": "−"}


@dataclass(frozen=True, slots=True)
class Node:
    """Something that gives a value: a source on the left, a box, a circle, or a sink on the right.

    ``sign`` stands within it. ``reads`` are the values that it takes, by their nodes' names. ``gives`` is the
    gate or state whose value it is, if it has a name; ``equation`` is that one, typeset.
    """

    name: str
    shape: Shape
    sign: str
    reads: tuple[str, ...] = ()
    gives: str | None = None
    equation: str = ""


def data_flow(cell: Cell) -> dict[str, Node]:
    """Every node under its name, each after those that it reads.

    Sources are ``x`` and ``name_prev`` for what is carried; sinks are ``name_next``.
    """
    return _Flow(cell).nodes


@dataclass(frozen=True, slots=True)
class _Traits:
    """What a term is made of. ``affine``: a sum of projections, biases, and values times a vector.

    ``projects``: a matrix is in it; ``own``: parameters and numbers alone.
    """

    affine: bool
    projects: bool
    own: bool


class _Flow:
    def __init__(self, cell: Cell) -> None:
        self.nodes: dict[str, Node] = {}
        self._writer = Typesetter(cell)
        self._given: dict[str, str] = {}  # the node of each value of this step
        self._known: dict[Term, str] = {}
        self._seen: dict[Term, _Traits] = {}
        self._made: Counter[str] = Counter()  # nodes of each equation
        for name in cell.carried:
            self._put(Node(f"{name}_prev", "source", name))
        self._put(Node("x", "source", "x"))
        self._given["x"] = "x"
        for equation in cell.equations:
            self._equation(equation)
        for name in cell.state_names:
            self._put(Node(f"{name}_next", "sink", name, (self._given[name],)))

    def _put(self, node: Node) -> str:
        self.nodes[node.name] = node
        return node.name

    def _equation(self, equation: Equation) -> None:
        made = self._node(equation.term, equation.name)
        node = self.nodes[made]
        if node.gives is None and node.shape != "source":
            text = self._writer.equation(equation)
            self.nodes[made] = Node(node.name, node.shape, node.sign, node.reads, equation.name, text)
        self._given[equation.name] = made

    def _node(self, term: Term, owner: str) -> str:
        """The node that gives a term's value; what is written twice is drawn once."""
        row = [term]  # each is made of the next first: a row of hundreds of signs is walked without recursion
        while row[-1] not in self._known and (operands := self._of_circle(row[-1])):
            row.append(operands[0])
        for part in reversed(row):
            if part not in self._known:
                self._known[part] = self._new(part, owner)
        return self._known[term]

    def _new(self, term: Term, owner: str) -> str:
        match term:
            case Read(name, True):
                return f"{name}_prev"
            case Read(name, False):
                return self._given[name]
            case Apply("identity", (operand,)):
                return self._node(operand, owner)
            case Apply("subtract", (_, operand)) if (
                _is_complement(term) and not self._traits(operand).projects
            ):
                return self._make("circle", "1−", self._within(operand, owner), owner)
            case Apply(function) if operands := self._of_circle(term):
                inputs = [self._node(operand, owner) for operand in operands]
                return self._make("circle", SIGNS[function], inputs, owner)
            case Apply(function, operands) if function not in SIGNS:
                inputs = [node for operand in operands for node in self._within(operand, owner)]
                return self._make("box", FUNCTION_SIGNS.get(function, function), inputs, owner)
        matrices = [self._writer.parameter(part.matrix) for part in parts(term) if isinstance(part, Project)]
        return self._make("box", ", ".join(matrices) or "b", self._within(term, owner), owner)

    def _make(self, shape: Shape, sign: str, reads: list[str], owner: str) -> str:
        name = f"{owner}.{self._made[owner]}"
        self._made[owner] += 1
        return self._put(Node(name, shape, sign, tuple(dict.fromkeys(reads))))

    def _within(self, term: Term, owner: str) -> list[str]:
        """The nodes that a box reads: a term without its matrices, biases and the sums of these."""
        inputs: list[str] = []
        waiting = [term]
        while waiting:
            here = waiting.pop()
            match here:
                case Constant() | Weight():
                    pass
                case Project(_, operands):
                    inputs += [self._node(operand, owner) for operand in operands]
                case Apply("add" | "subtract" | "negative", operands):
                    waiting += reversed(operands)
                case Apply("multiply" | "divide", operands) if any(
                    self._traits(operand).own for operand in operands
                ):
                    waiting += reversed(operands)
                case _:
                    inputs.append(self._node(here, owner))
        return inputs

    def _chain(self, term: Apply) -> Iterator[Term]:
        """The operands of a sign that repeats: a, b and c of ``a + b + c``."""
        waiting = list(reversed(term.operands))
        while waiting:
            here = waiting.pop()
            if isinstance(here, Apply) and here.function == term.function and not self._traits(here).affine:
                waiting += reversed(here.operands)
            else:
                yield here

    def _of_circle(self, term: Term) -> list[Term]:
        """What a sign is drawn to take, if the term is a sign on values."""
        if not isinstance(term, Apply) or term.function not in SIGNS or self._traits(term).affine:
            return []
        if _is_complement(term) and not self._traits(term.operands[1]).projects:
            return []
        of = self._chain(term) if term.function in ("add", "multiply") else term.operands
        return [operand for operand in of if not self._traits(operand).own]

    def _traits(self, term: Term) -> _Traits:
        if term not in self._seen:
            folded(term, self._noted)
        return self._seen[term]

    def _noted(self, term: Term, within: tuple[_Traits, ...]) -> _Traits:
        own = not isinstance(term, Read) and all(traits.own for traits in within)
        projects = isinstance(term, Project) or any(traits.projects for traits in within)
        affine = False
        match term:
            case Project() | Weight() | Constant():
                affine = True
            case Apply("add" | "subtract" | "negative", operands):
                pairs = zip(operands, within, strict=True)
                affine = projects and all(
                    traits.affine or isinstance(operand, Read) for operand, traits in pairs
                )
            case Apply("multiply" | "divide", (left, right)):
                affine = (within[0].own and _is_leaf(right)) or (within[1].own and _is_leaf(left))
        self._seen[term] = _Traits(affine, projects, own)
        return self._seen[term]


def _is_leaf(term: Term) -> bool:
    return isinstance(term, Read | Project | Weight | Constant)


def _is_complement(term: Term) -> bool:
    match term:
        case Apply("subtract", (Constant(1.0), _)):
            return True
    return False
