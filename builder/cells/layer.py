"""Cells as layer types: one layer's equations, stacked and read both ways."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from builder.cells.cell import Cell
from builder.errors import Cause
from builder.fields import Flag
from builder.language.names import snake_case
from builder.layers.shared.recurrent import RecurrentLayer, expect_steps
from builder.shapes import Inferred, Shape, TensorType

if TYPE_CHECKING:
    from torch import nn


class CellLayer(RecurrentLayer):
    """A recurrent cell that is written as equations, over a whole sequence.

    Its parameters are named by the gate or state that owns them, ``i.W``; with several layers or directions
    ``l0.i.W`` and ``l0_reverse.i.W``. `initial: learned` trains the first states too (``h.initial``), and
    absent it is as the cell says. `compile: true` compiles what stands between the products of a step, where there is
    a C compiler: worth a second for a long training on a processor.
    """

    cell: ClassVar[Cell]

    initial: Literal["zeros", "learned"] | None = None
    compile: Flag = False

    @property
    def states(self) -> dict[str, int]:
        """The cell's states as written, each ``hidden_size`` wide."""
        return dict.fromkeys(self.cell.states, self.hidden_size)

    def weights(self, input_size: int) -> dict[str, Shape]:
        """The cell's parameters, ``i.W``, and learned first states, ``h.initial``, those of one owner together."""
        shapes: dict[str, Shape] = dict(self.cell.parameter_shapes(input_size, self.hidden_size))
        if (self.initial or self.cell.initial) == "learned":
            shapes |= {f"{name}.initial": (self.hidden_size,) for name in self.cell.carried}
        owners = list(dict.fromkeys(name.partition(".")[0] for name in shapes))
        return dict(sorted(shapes.items(), key=lambda item: owners.index(item[0].partition(".")[0])))

    def full_name(self, weight: str, layer: int, reverse: bool) -> str:
        """``i.W`` where there is one layer and direction, else ``l0.i.W`` and ``l0_reverse.i.W``."""
        if self.num_layers == self.directions == 1:
            return weight
        return f"l{layer}{'_reverse' if reverse else ''}.{weight}"

    def layer_arithmetic(self, input_size: int) -> str:
        """Weights of one shape as one product: ``4·5·3 + 4·5·5 + 4·5`` for an LSTM of 5 values on 3."""
        alike = Counter(self.weights(input_size).values())
        products = [
            [str(number)] * (number > 1 or not shape) + [str(n) for n in shape]
            for shape, number in alike.items()
        ]
        return " + ".join("·".join(factors) for factors in products) or "0"

    def rule(self, *arrives: TensorType) -> Inferred:
        """As of every recurrent layer; multiply-adds are those of the cell's matrices at every step.

        Raises ``Cause`` where ``x`` meets the state outside of a matrix and is not as wide.
        """
        steps, input_size = expect_steps(arrives[0], self.cell.name)
        inferred = super().rule(*arrives)
        widths = [input_size, *[self.hidden_size * self.directions] * (self.num_layers - 1)]
        for layer, width in enumerate(widths):
            self._expect_width(layer, width)
        once = sum(self.cell.multiply_adds(width, self.hidden_size) for width in widths)
        times = steps if isinstance(steps, int) else 1
        return replace(inferred, multiply_adds=once * self.directions * times)

    def _expect_width(self, layer: int, width: int) -> None:
        """Raises ``Cause`` if ``x`` stands outside of a matrix and is not as wide as the state."""
        if self.cell.elementwise_x is None or width == self.hidden_size:
            return
        place, offset = self.cell.elementwise_x
        which, equal = f" in layer {layer + 1}" if layer else "", f", or make `hidden_size` {width}"
        raise Cause(
            f"`x` is {width} wide{which} and `{self.cell.output}` {self.hidden_size}: they cannot meet value by value",
            f"Put a matrix before it, `W @ x`{'' if layer else equal}.",
            field="hidden_size",
            place=place,
            offset=offset,
        )

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """A ``CellModule``, which runs the equations step by step, or as torch's layer if it is one of them."""
        from builder.runtime.cells.module import CellModule

        return CellModule(
            self.cell,
            sizes["input_size"],
            self.hidden_size,
            self.num_layers,
            self.bidirectional,
            self.dropout,
            self.output,
            self.initial,
            compile=self.compile,
        )


def cell_layer(cell: Cell) -> type[CellLayer]:
    """The layer type of a cell, under the cell's own name."""
    return type(
        cell.name,
        (CellLayer,),
        {
            "__module__": __name__,
            "__doc__": f"The cell `{cell.name}`, as its equations say.",
            "cell": cell,
            "snake": snake_case(cell.name),
        },
    )
