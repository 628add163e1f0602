"""The activations: functions of one value, and the two that normalise along an axis.

Source: torch.nn, section "Non-linear activations"; each class names its paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count, Int, Positive, Real
from builder.layer import REFUSED, Layer
from builder.shapes import Inferred, TensorType, axis, expect_reals

if TYPE_CHECKING:
    from torch import nn


class Activation(Layer):
    """A layer that keeps the shape; torch's class has its name and its fields."""

    @final
    def build(self, sizes: dict[str, int]) -> nn.Module:
        from torch import nn

        made: nn.Module = getattr(nn, type(self).__name__)(**self.arguments(sizes))
        return made


class Elementwise(Activation):
    """A function of each value alone; nothing is learned, and nothing counts as a multiply-add."""

    @final
    def rule(self, *arrives: TensorType) -> Inferred:
        (x,) = arrives
        expect_reals(x, type(self).__name__)
        return Inferred(x)


class Normalising(Activation):
    """Exponentials along one axis, divided by their sum.

    torch guesses the axis if ``dim`` is left out, and warns; here it must be said.
    """

    main: ClassVar[str | None] = "dim"

    dim: Int | None = None

    @final
    def rule(self, *arrives: TensorType) -> Inferred:
        (x,) = arrives
        name = type(self).__name__
        expect_reals(x, name)
        if self.dim is None:
            what = "the classes of a vector" if len(x.shape) == 1 else "the channels"
            raise Cause(
                f"`{name}` needs `dim`, the axis whose values belong together",
                f"Write `{name}: 1` for {what}; axis 0 is the batch.",
            )
        axis(self.dim, x, name)
        return Inferred(x)


_ANY = (Accepted("", on=((5,),)), Accepted("", on=((3, 4, 4),)))


@final
class ReLU(Elementwise):
    """y = max(0, x). Any shape. Source: torch.nn.ReLU; Nair & Hinton (2010)."""

    snake: ClassVar[str] = "relu"
    accepts = _ANY
    rejects = (Rejected("{inplace: true}", "`ReLU` does not take `inplace` here"),)


@final
class LeakyReLU(Elementwise):
    """y = x above zero, negative_slope·x below. Any shape. Source: torch.nn.LeakyReLU; Maas et al. (2013)."""

    main: ClassVar[str | None] = "negative_slope"
    snake: ClassVar[str] = "leaky_relu"
    accepts = (*_ANY, Accepted("0.2", on=((5,),)))
    rejects = (Rejected("steep", 'expected a real number, found the text "steep"'),)

    negative_slope: Real = 0.01


@final
class PReLU(Activation):
    """y = x above zero, a·x below, with a learned: one, or one for each channel.

    Any shape; the channels are the first axis after the batch's. `init` is where a starts.
    Source: torch.nn.PReLU; He et al., "Delving deep into rectifiers" (2015).
    """

    main: ClassVar[str | None] = "num_parameters"
    snake: ClassVar[str] = "prelu"
    accepts = (*_ANY, Accepted("{num_parameters: 3, init: 0.1}", on=((3, 4, 4),)), Accepted("5", on=((5,),)))
    rejects = (
        Rejected("0", "expected a whole number of at least 1, found 0"),
        Rejected(
            "2", "`num_parameters` is 2, and 3 channels arrive: one for each, or 1 for all", on=((3, 4, 4),)
        ),
    )

    num_parameters: Count = 1
    init: Real = 0.25

    def rule(self, *arrives: TensorType) -> Inferred:
        (x,) = arrives
        expect_reals(x, "PReLU")
        channels = x.shape[0] if x.shape else 1
        if self.num_parameters not in (1, channels):
            raise Cause(
                f"`num_parameters` is {self.num_parameters}, and {channels} channels arrive: "
                "one for each, or 1 for all",
                field="num_parameters",
            )
        return Inferred(x, {"weight": (self.num_parameters,)})


@final
class ELU(Elementwise):
    """y = x above zero, alpha·(eˣ − 1) below. Any shape. Source: torch.nn.ELU; Clevert et al. (2016)."""

    main: ClassVar[str | None] = "alpha"
    snake: ClassVar[str] = "elu"
    accepts = (*_ANY, Accepted("0.5", on=((5,),)))
    rejects = (Rejected("[1]", "expected a real number, found the list [1]"),)

    alpha: Real = 1.0


@final
class SELU(Elementwise):
    """y = 1.0507·(x above zero, 1.6733·(eˣ − 1) below). Any shape.

    Source: torch.nn.SELU; Klambauer et al., "Self-normalizing neural networks" (2017).
    """

    snake: ClassVar[str] = "selu"
    accepts = _ANY


@final
class GELU(Elementwise):
    """y = x·Φ(x), with Φ the normal distribution function, or its approximation by `tanh`. Any shape.

    Source: torch.nn.GELU; Hendrycks & Gimpel (2016).
    """

    main: ClassVar[str | None] = "approximate"
    snake: ClassVar[str] = "gelu"
    accepts = (*_ANY, Accepted("tanh", on=((5,),)))
    rejects = (Rejected("sigmoid", 'expected `none` or `tanh`, found the text "sigmoid"'),)

    approximate: Literal["none", "tanh"] = "none"


@final
class SiLU(Elementwise):
    """y = x·σ(x), also called swish. Any shape. Source: torch.nn.SiLU; Ramachandran et al. (2017)."""

    snake: ClassVar[str] = "silu"
    accepts = _ANY


@final
class Mish(Elementwise):
    """y = x·tanh(ln(1 + eˣ)). Any shape. Source: torch.nn.Mish; Misra (2020)."""

    snake: ClassVar[str] = "mish"
    accepts = _ANY


@final
class Sigmoid(Elementwise):
    """y = 1/(1 + e⁻ˣ), between 0 and 1. Any shape. Source: torch.nn.Sigmoid."""

    snake: ClassVar[str] = "sigmoid"
    accepts = _ANY


@final
class Tanh(Elementwise):
    """y = (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ), between −1 and 1. Any shape. Source: torch.nn.Tanh."""

    snake: ClassVar[str] = "tanh"
    accepts = _ANY


@final
class Softplus(Elementwise):
    """y = ln(1 + e^(beta·x))/beta, a smooth ReLU; where beta·x is above `threshold`, y = x. Any shape.

    Source: torch.nn.Softplus; Dugas et al. (2001).
    """

    snake: ClassVar[str] = "softplus"
    accepts = (*_ANY, Accepted("{beta: 2, threshold: 1}", on=((5,),)))
    rejects = (Rejected("{beta: 0}", "expected a real number above 0, found 0"),)

    beta: Positive = 1.0
    threshold: Real = 20.0


@final
class Softsign(Elementwise):
    """y = x/(1 + |x|), between −1 and 1. Any shape. Source: torch.nn.Softsign."""

    snake: ClassVar[str] = "softsign"
    accepts = _ANY


@final
class Hardtanh(Elementwise):
    """y = x, cut off at `min_val` and `max_val`. Any shape. Source: torch.nn.Hardtanh."""

    snake: ClassVar[str] = "hardtanh"
    refused: ClassVar[dict[str, str]] = REFUSED | {
        "min_value": "PyTorch renamed it: write `min_val`.",
        "max_value": "PyTorch renamed it: write `max_val`.",
    }
    accepts = (*_ANY, Accepted("{min_val: 0, max_val: 6}", on=((5,),)))
    rejects = (
        Rejected("{min_value: 0}", "`Hardtanh` does not take `min_value` here"),
        Rejected("{min_val: 1}", "`max_val` is 1, which is not above `min_val` 1"),
    )

    min_val: Real = -1.0
    max_val: Real = 1.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_val <= self.min_val:
            raise Cause(
                f"`max_val` is {self.max_val:g}, which is not above `min_val` {self.min_val:g}",
                field="max_val" if "max_val" in self.model_fields_set else "min_val",
            )
        return self


@final
class Hardswish(Elementwise):
    """y = x·min(max(x + 3, 0), 6)/6. Any shape. Source: torch.nn.Hardswish; Howard et al. (2019)."""

    snake: ClassVar[str] = "hardswish"
    accepts = _ANY


@final
class Hardsigmoid(Elementwise):
    """y = min(max(x + 3, 0), 6)/6. Any shape. Source: torch.nn.Hardsigmoid; Courbariaux et al. (2015)."""

    snake: ClassVar[str] = "hardsigmoid"
    accepts = _ANY


_ALONG = (
    Accepted("1", on=((5,),)),
    Accepted("-1", on=((3, 4, 5),)),
    Accepted("{dim: 2}", on=((3, 4, 5),)),
)


@final
class Softmax(Normalising):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ along `dim`, which counts the batch axis as 0: probabilities. Any shape.

    `CrossEntropyLoss` has it inside, so a classifier trained with that ends without it.
    Source: torch.nn.Softmax.
    """

    snake: ClassVar[str] = "softmax"
    accepts = _ALONG
    rejects = (
        Rejected("", "`Softmax` needs `dim`, the axis whose values belong together", on=((5,),)),
        Rejected("0", "`dim: 0` is the batch axis, along which `Softmax` would mix the examples", on=((5,),)),
        Rejected(
            "-2", "`dim: -2` is the batch axis, along which `Softmax` would mix the examples", on=((5,),)
        ),
        Rejected("2", "`dim` is 2, and N×5 has no such axis", on=((5,),)),
        Rejected("last", 'expected a whole number, found the text "last"'),
    )


@final
class LogSoftmax(Normalising):
    """yᵢ = xᵢ − ln Σⱼ e^xⱼ along `dim`, which counts the batch axis as 0: for `NLLLoss`. Any shape.

    Source: torch.nn.LogSoftmax.
    """

    snake: ClassVar[str] = "log_softmax"
    accepts = _ALONG
    rejects = (
        Rejected("", "`LogSoftmax` needs `dim`, the axis whose values belong together", on=((3, 4, 4),)),
        Rejected("1.0", "expected a whole number, found the real number 1.0"),
    )
