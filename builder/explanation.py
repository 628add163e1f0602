"""What each layer of a network computes, and how it is made fast, as data. Without torch.

For a recurrent layer: its equations, which matrix products are done when, what kind of recurrence it is, what
it equals, and what it costs beside ``nn.LSTM``. For any other layer: the arithmetic of its parameters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from builder.cells.cell import Cell
from builder.cells.layer import CellLayer
from builder.cells.meaning.differences import differences
from builder.cells.meaning.recognition import recognise, torch_cells
from builder.cells.plan.listing import TooLarge
from builder.cells.plan.loop import Loop
from builder.cells.plan.program import Packed, Recurrence, Whole, compile_cell
from builder.cells.shown.typeset import Typesetter, typeset
from builder.cells.term import Project, Read, Term, parts, rewritten
from builder.layers.shared.recurrent import RecurrentLayer
from builder.shapes import count
from builder.spec.graph import Graph, GraphLayer

When = Literal["once", "step", "within"]

# How fast each kind of recurrence can be.
MEANING: Final[Mapping[Recurrence, str]] = {
    "none": "Nothing is carried from one step to the next: all steps are worked out at once.",
    "linear": "Linear, value by value, in what is carried: all steps are one scan, without a loop over time.",
    "elementwise": "What is carried meets no matrix: a loop over time, but of cheap steps, each value alone.",
    "matrix": "What is carried is multiplied by matrices: a loop over time with matrix products in each step.",
}
LSTM_GATES: Final = 4


@dataclass(frozen=True, slots=True)
class Product:
    """A matrix product: ``matrices``, packed to one, times ``operand``, both typeset.

    ``when``: ``once`` for all steps before or after the loop, ``step`` at the beginning of every step,
    ``within`` a step, because the operand is only made there.
    """

    when: When
    matrices: tuple[str, ...]
    operand: str

    def __str__(self) -> str:
        packed = self.matrices[0] if len(self.matrices) == 1 else f"[{' '.join(self.matrices)}]"
        return f"{packed} {self.operand}"


@dataclass(frozen=True, slots=True)
class Cost:
    """Parameters and multiply-adds of one step, and those of ``nn.LSTM`` of the same sizes."""

    parameters: int
    multiply_adds: int
    lstm_parameters: int
    lstm_multiply_adds: int

    @property
    def ratios(self) -> tuple[float, float]:
        """Parameters, and multiply-adds, divided by those of ``nn.LSTM``."""
        return self.parameters / self.lstm_parameters, self.multiply_adds / self.lstm_multiply_adds


@dataclass(frozen=True, slots=True)
class CellExplanation:
    """A cell at certain sizes: ``num_layers`` of it, read in so many ``directions``.

    ``equals`` is the torch layer that gives the same values and gradients, if there is one; else ``differs``
    says what torch's layers do otherwise.
    """

    cell: Cell
    input_size: int
    hidden_size: int
    num_layers: int
    directions: int
    equations: tuple[str, ...]
    products: tuple[Product, ...]
    recurrence: Recurrence
    equals: str | None
    differs: tuple[str, ...]
    cost: Cost

    @property
    def meaning(self) -> str:
        """The sentence of ``MEANING``: how fast such a recurrence can be."""
        return MEANING[self.recurrence]


@dataclass(frozen=True, slots=True)
class LayerExplanation:
    """A layer of a network: the arithmetic of its parameters, and its cell where it has one."""

    name: str
    type: str
    output: str
    how: str
    cell: CellExplanation | None = None


def explain(graph: Graph) -> tuple[LayerExplanation, ...]:
    """An explanation of every layer of a network, in order."""
    return tuple(
        LayerExplanation(use.name, use.type, str(use.output_type), use.how, _cell_of(use))
        for use in graph.layers
    )


def explain_cell(cell: Cell, input_size: int, hidden_size: int) -> CellExplanation:
    """An explanation of a cell as one layer in one direction."""
    return _explained(cell, [input_size], hidden_size, 1)


def _cell_of(use: GraphLayer) -> CellExplanation | None:
    layer = use.layer
    if not isinstance(layer, RecurrentLayer) or (cell := cell_of(layer)) is None:
        return None
    hidden = layer.hidden_size
    widths = [use.sizes["input_size"], *[hidden * layer.directions] * (layer.num_layers - 1)]
    return _explained(cell, widths, hidden, layer.directions)


def cell_of(layer: RecurrentLayer) -> Cell | None:
    """The cell of a recurrent layer, also of torch's own; None for an ``LSTM`` with ``proj_size``."""
    if isinstance(layer, CellLayer):
        return layer.cell
    if any(width != layer.hidden_size for width in layer.states.values()):
        return None
    kind = type(layer).__name__
    if kind == "RNN":
        kind = f"RNN_{layer.nonlinearity.upper()}"  # type: ignore[attr-defined]
    return dict(torch_cells())[kind]  # type: ignore[index]


def _explained(cell: Cell, widths: Sequence[int], hidden: int, directions: int) -> CellExplanation:
    """``widths`` are the sizes of each layer's input."""
    match = recognise(cell)
    shapes = [shape for width in widths for shape in cell.parameter_shapes(width, hidden).values()]
    products = sum(cell.multiply_adds(width, hidden) for width in widths)
    lstm = sum(LSTM_GATES * hidden * (width + hidden) for width in widths)
    biases = LSTM_GATES * 2 * hidden * len(widths)
    return CellExplanation(
        cell=cell,
        input_size=widths[0],
        hidden_size=hidden,
        num_layers=len(widths),
        directions=directions,
        equations=typeset(cell),
        products=tuple(_products(cell)),
        recurrence=_recurrence(cell),
        equals=None if match is None else match.layer,
        differs=tuple(difference.text for difference in differences(cell)) if match is None else (),
        cost=Cost(
            directions * sum(map(count, shapes)),
            directions * products,
            directions * (lstm + biases),
            directions * lstm,
        ),
    )


def _recurrence(cell: Cell) -> Recurrence:
    """The recurrence of the cell's program; `matrix` for a cell that is too large for a program."""
    try:
        return compile_cell(cell).recurrence
    except TooLarge:
        return "matrix"


def _products(cell: Cell) -> Iterator[Product]:
    """The matrix products of a cell's program; no products for a cell that is too large for a program."""
    try:
        program = compile_cell(cell)
    except TooLarge:
        return
    writer = Typesetter(cell)
    own = {equation.name for equation in cell.equations}
    made: dict[str, Term] = {}  # what the program's own names stand for

    def product(matrices: Sequence[str], operand: Term, within: frozenset[str] | None = None) -> Product:
        spelled = _spelled(operand, made, own)
        now = {part.name for part in parts(spelled) if isinstance(part, Read) and not part.previous}
        when: When = "once" if within is None else "within" if now & within else "step"
        whole = [program.blocks[name].matrix if name in program.blocks else name for name in matrices]
        text = writer.text(Project(whole[0], (spelled,)))
        matrices = tuple(map(writer.parameter, whole))
        return Product(when, matrices, text.removeprefix(f"{matrices[0]} "))

    for region in program.regions:
        if isinstance(region, Whole):
            for step in region.steps:
                if isinstance(step, Packed):
                    yield product(step.matrices, step.operand)
                    made |= {
                        name: Project(matrix, (step.operand,))
                        for name, matrix in zip(step.names, step.matrices, strict=True)
                    }
                elif step.name not in own:
                    made[step.name] = step.term
        elif isinstance(region, Loop):
            made |= {name: term for name, term in region.code.items() if name not in own}
            for group, within in ((region.static, None), (region.operands, frozenset(region.code))):
                for operation in group:
                    for _, _, matrices in operation.runs:
                        yield product(matrices, operation.operand, within)


def _spelled(term: Term, made: Mapping[str, Term], own: Collection[str]) -> Term:
    """The term with each of the program's own names replaced by its term."""

    def change(part: Term) -> Term:
        if isinstance(part, Read) and part.name in made and part.name not in own and not part.previous:
            return _spelled(made[part.name], made, own)
        return part

    return rewritten(term, change)
