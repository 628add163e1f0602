"""A recurrent cell: equations over one step of time, as data. Torch-free.

``builder.cells.reader`` makes it from YAML; ``builder.cells.plan.program`` compiles it;
``builder.layers.shared.recurrent`` gives it as a layer type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from builder.cells.term import Project, Term, parts
from builder.errors import Place
from builder.language.nodes import Mapping
from builder.shapes import count

Width = Literal["input", "hidden"]
Kind = Literal["matrix", "bias", "vector", "scalar"]


@dataclass(frozen=True, slots=True)
class CellParameter:
    """A trainable array of a cell. ``name`` is ``i.W``: the equation that owns it, and its own name there.

    ``columns`` are the widths of what a matrix multiplies, in order: ``W @ [h_prev, x]`` has
    ``("hidden", "input")``.
    """

    name: str
    kind: Kind
    columns: tuple[Width, ...] = ()

    def shape(self, input_size: int, hidden_size: int) -> tuple[int, ...]:
        """Its shape: hidden × columns for a matrix, hidden for a vector or bias, no axis for a scalar."""
        if self.kind == "scalar":
            return ()
        if self.kind != "matrix":
            return (hidden_size,)
        return (hidden_size, sum(input_size if width == "input" else hidden_size for width in self.columns))


@dataclass(frozen=True, slots=True)
class Equation:
    """``name: text``: a gate's or a state's value at this step. Its term's names are resolved."""

    name: str
    term: Term
    text: str
    place: Place


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell. ``equations`` stand in an order in which each reads only what stands before it.

    ``states`` are as written, the first is the output. ``carried`` are the names that some equation reads
    from the step before, states first, each in file order; all begin at zero (or learned). ``parameters`` are
    keyed ``i.W``, in file order: equations as written, gates before updates, each one's in the order in which
    it first reads them. ``elementwise_x`` is where an equation uses ``x`` outside of a matrix, if any
    does: then input and hidden size must be equal. ``init`` is the cell's own `init`, as written;
    ``initial`` whether its first states are learned unless the layer says otherwise. ``written`` is the cell
    as plain data that reads to the same cell.
    """

    name: str
    place: Place
    states: tuple[str, ...]
    equations: tuple[Equation, ...]
    parameters: dict[str, CellParameter]
    carried: tuple[str, ...]
    written: dict[str, Any] = field(repr=False)
    init: Mapping | None = field(default=None, repr=False)
    initial: Literal["zeros", "learned"] = "zeros"
    elementwise_x: tuple[Place, int] | None = None

    @property
    def output(self) -> str:
        """The state that leaves the layer."""
        return self.states[0]

    @property
    def state_names(self) -> tuple[str, ...]:
        """All that is kept from step to step: the states as written, then the carried gates."""
        return (*self.states, *(name for name in self.carried if name not in self.states))

    def parameter_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Every parameter's shape, for one layer and direction."""
        return {name: parameter.shape(input_size, hidden_size) for name, parameter in self.parameters.items()}

    def multiply_adds(self, input_size: int, hidden_size: int) -> int:
        """Multiply-adds of the matrices at one step, for one layer and direction."""
        return sum(
            count(self.parameters[part.matrix].shape(input_size, hidden_size))
            for equation in self.equations
            for part in parts(equation.term)
            if isinstance(part, Project)
        )
