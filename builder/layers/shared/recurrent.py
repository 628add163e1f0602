"""What recurrent layers have in common: torch's three, and the cells that a spec gives as equations."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from builder.errors import Cause
from builder.fields import Count, Flag, Probability
from builder.layers.layer import REFUSED, Layer
from builder.shapes import Inferred, Shape, Size, TensorType, count, expect_fixed, expect_reals

if TYPE_CHECKING:
    from torch import nn

MOST_LAYERS: Final = 1000
BATCH_FIRST: Final = {"batch_first": "Batch comes first, always: N×T×features."}


class RecurrentLayer(Layer):
    """Reads a sequence N×T×input_size step by step; T may be free.

    `output: sequence` gives N×T×(D·H), zero past each sequence's end; `output: last` the final state of the
    last layer, N×(D·H), taken after each sequence's own last step. D is 2 if `bidirectional`, else 1: the
    reverse direction begins at each sequence's own end. The final states are ports (`from: encoder.h`), and
    `state_from` begins with another layer's.
    """

    main = "hidden_size"
    masks = True
    refused = REFUSED | BATCH_FIRST

    hidden_size: Count
    num_layers: Count = 1
    dropout: Probability = 0.0
    bidirectional: Flag = False
    output: Literal["sequence", "last"] = "sequence"
    input_size: Count | None = None

    @property
    def directions(self) -> int:
        """How often a sequence is read: forwards, or both ways."""
        return 2 if self.bidirectional else 1

    @property
    @abstractmethod
    def states(self) -> dict[str, int]:
        """The name of each state and its width in one direction; the first is the output."""

    @abstractmethod
    def weights(self, input_size: int) -> dict[str, Shape]:
        """The shapes of one layer's weights in one direction, by their own names."""

    @abstractmethod
    def full_name(self, weight: str, layer: int, reverse: bool) -> str:
        """A weight's name in ``state_dict()``."""

    def layer_arithmetic(self, input_size: int) -> str:
        """How many weights one layer has in one direction, as a sum."""
        return " + ".join("·".join(map(str, shape)) for shape in self.weights(input_size).values())

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×T×input_size to N×T×(D·H) or, of the last step, N×(D·H); every state is a port N×(D·H)."""
        (x,) = arrives
        name = type(self).__name__
        steps, input_size = expect_steps(x, name)
        if self.num_layers > MOST_LAYERS:
            raise Cause(
                f"`num_layers` is {self.num_layers}, and {MOST_LAYERS} are allowed", field="num_layers"
            )
        if self.dropout and self.num_layers == 1:
            raise Cause(
                f"`dropout` acts between the layers of `{name}`, and `num_layers` is 1",
                "Add layers, or put a `Dropout` after it.",
                field="dropout",
            )
        out = next(iter(self.states.values())) * self.directions
        widths = [input_size, *(out for _ in range(self.num_layers - 1))]
        parameters = {
            self.full_name(weight, layer, reverse): shape
            for layer, width in enumerate(widths)
            for reverse in (False, True)[: self.directions]
            for weight, shape in self.weights(width).items()
        }
        once = sum(count(shape) for shape in parameters.values() if len(shape) == 2)
        return Inferred(
            TensorType((steps, out) if self.output == "sequence" else (out,)),
            parameters,
            multiply_adds=once * (steps if isinstance(steps, int) else 1),
            how=self._arithmetic(widths),
            sizes={"input_size": input_size},
            ports={state: TensorType((width * self.directions,)) for state, width in self.states.items()},
            over=steps if isinstance(steps, str) else None,
        )

    def _arithmetic(self, widths: list[int]) -> str:
        """One sum for each different layer: how many weights it has."""
        both = "2·" if self.bidirectional else ""
        sums: dict[str, int] = {}
        for width in widths:
            product = self.layer_arithmetic(width)
            text = f"{both}({product})" if both else product
            total = self.directions * sum(count(shape) for shape in self.weights(width).values())
            shown = f"{text} = {total}"
            sums[shown] = sums.get(shown, 0) + 1
        return ";  ".join(f"{n} times {shown}" if n > 1 else shown for shown, n in sums.items())

    @abstractmethod
    def build(self, sizes: dict[str, int]) -> nn.Module:
        """A module with ``forward(x, lengths, *states)``, ``unroll`` and ``state_names``."""


class TorchRecurrent(RecurrentLayer):
    """One of ``torch.nn``'s: ``gates`` weights per hidden value, named ``weight_ih_l0`` and so on."""

    gates: ClassVar[int]

    bias: Flag = True

    @property
    def states(self) -> dict[str, int]:
        """``h`` alone, of ``hidden_size`` values."""
        return {"h": self.hidden_size}

    def weights(self, input_size: int) -> dict[str, Shape]:
        """Torch's shapes: the gates below each other, so gates·H rows; ``weight_hr`` where ``h`` is projected."""
        rows = self.gates * self.hidden_size
        out = next(iter(self.states.values()))
        shapes: dict[str, Shape] = {"weight_ih": (rows, input_size), "weight_hh": (rows, out)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if out != self.hidden_size:
            shapes["weight_hr"] = (out, self.hidden_size)
        return shapes

    def full_name(self, weight: str, layer: int, reverse: bool) -> str:
        """As torch has it: ``weight_ih_l0``, ``weight_ih_l0_reverse``."""
        return f"{weight}_l{layer}{'_reverse' if reverse else ''}"

    def layer_arithmetic(self, input_size: int) -> str:
        """Gates times (H·input + H·H + 2·H), both biases counted; a projection is added."""
        hidden, out = self.hidden_size, next(iter(self.states.values()))
        biases = f" + 2·{hidden}" if self.bias else ""
        inner = f"{hidden}·{input_size} + {hidden}·{out}{biases}"
        text = f"{self.gates}·({inner})" if self.gates > 1 else inner
        return text if out == hidden else f"{text} + {out}·{hidden}"

    def torch_arguments(self, sizes: dict[str, int]) -> dict[str, Any]:
        """The arguments of torch's class of that name, batch first."""
        arguments = self.arguments(sizes)
        del arguments["output"]
        return arguments | {"batch_first": True}


def expect_steps(x: TensorType, layer: str) -> tuple[Size, int]:
    """The steps and the width of a sequence N×T×width. Raises ``Cause`` if anything else arrives."""
    expect_reals(x, layer)
    if len(x.shape) != 2:
        raise Cause(
            f"`{layer}` needs a sequence of 2 axes (T, features), and {x} arrives",
            "Its first axis is time, as in `input: [T, 28]`.",
        )
    (width,) = expect_fixed(x, layer, slice(1, None))
    return x.shape[0], width
