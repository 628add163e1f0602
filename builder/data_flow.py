"""What flows where within one step of a cell: boxes for gates, circles for signs, lines for values. Torch-free.

A box holds an equation's function with the matrices and biases before it: `sigmoid(W @ x + U @ h_prev + b)`
is one box that reads x and h_prev. All else is a circle per sign.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from builder.cell import Cell, Equation
from builder.term import Apply, Constant, Project, Read, Term, Weight, parts
from builder.typeset import FUNCTION_SIGNS, Typesetter

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


class _Flow:
    def __init__(self, cell: Cell) -> None:
        self.nodes: dict[str, Node] = {}
        self._writer = Typesetter(cell)
        self._given: dict[str, str] = {}  # the node of each value of this step
        self._known: dict[Term, str] = {}
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
        if term not in self._known:
            self._known[term] = self._new(term, owner)
        return self._known[term]

    def _new(self, term: Term, owner: str) -> str:
        match term:
            case Read(name, True):
                return f"{name}_prev"
            case Read(name, False):
                return self._given[name]
            case Apply("identity", (operand,)):
                return self._node(operand, owner)
            case Apply("subtract", (Constant(1.0), operand)) if not _projects(operand):
                return self._make("circle", "1−", self._within(operand, owner), owner)
            case Apply(function, operands) if function in SIGNS and not _is_affine(term):
                of = _chain(term) if function in ("add", "multiply") else operands
                inputs = [self._node(one, owner) for one in of if not _is_own(one)]
                return self._make("circle", SIGNS[function], inputs, owner)
            case Apply(function, operands) if function not in SIGNS:
                inputs = [one for operand in operands for one in self._within(operand, owner)]
                return self._make("box", FUNCTION_SIGNS.get(function, function), inputs, owner)
        matrices = [self._writer.parameter(part.matrix) for part in parts(term) if isinstance(part, Project)]
        return self._make("box", ", ".join(matrices) or "b", self._within(term, owner), owner)

    def _make(self, shape: Shape, sign: str, reads: list[str], owner: str) -> str:
        name = f"{owner}.{sum(one.startswith(f'{owner}.') for one in self.nodes)}"
        return self._put(Node(name, shape, sign, tuple(dict.fromkeys(reads))))

    def _within(self, term: Term, owner: str) -> list[str]:
        """The nodes that a box reads: a term without its matrices, biases and the sums of these."""
        match term:
            case Constant() | Weight():
                return []
            case Project(_, operands):
                return [self._node(one, owner) for one in operands]
            case Apply("add" | "subtract" | "negative", operands):
                return [node for one in operands for node in self._within(one, owner)]
            case Apply("multiply" | "divide", operands) if any(map(_is_own, operands)):
                return [node for one in operands for node in self._within(one, owner)]
        return [self._node(term, owner)]


def _chain(term: Term) -> Iterator[Term]:
    """The operands of a sign that repeats: a, b and c of ``a + b + c``."""
    assert isinstance(term, Apply)
    for operand in term.operands:
        if isinstance(operand, Apply) and operand.function == term.function and not _is_affine(operand):
            yield from _chain(operand)
        else:
            yield operand


def _is_own(term: Term) -> bool:
    """Whether it is made of parameters and numbers alone."""
    return not any(isinstance(part, Read) for part in parts(term))


def _projects(term: Term) -> bool:
    return any(isinstance(part, Project) for part in parts(term))


def _is_affine(term: Term) -> bool:
    """Whether it is a sum of projections, biases, and values times a vector."""
    match term:
        case Project() | Weight() | Constant():
            return True
        case Apply("add" | "subtract" | "negative", operands):
            return _projects(term) and all(_is_affine(one) or isinstance(one, Read) for one in operands)
        case Apply("multiply" | "divide", (left, right)):
            return (_is_own(left) and _is_linear_leaf(right)) or (_is_own(right) and _is_linear_leaf(left))
    return False


def _is_linear_leaf(term: Term) -> bool:
    return isinstance(term, Read | Project | Weight | Constant)
