"""The initialisers of ``torch.nn.init``, under their own names with the trailing underscore."""

from __future__ import annotations

import math
from typing import Literal, Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count, NonNegative, Probability, Real
from builder.shapes import Shape
from builder.training.initializers.initializer import Initializer

Nonlinearity = Literal[
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "sigmoid", "tanh", "relu", "leaky_relu", "selu",
]  # fmt: skip


@final
class xavier_uniform_(Initializer):
    """Uniform in ±gain·√(6/(fan_in + fan_out)). Source: torch.nn.init; Glorot & Bengio (2010)."""

    main = "gain"
    axes = (2, math.inf)
    accepts = (Accepted("", on=((8, 4),)), Accepted("{gain: 5/3}", on=((8, 4, 3, 3),)))
    rejects = (
        Rejected(
            "",
            "`xavier_uniform_` needs a parameter of 2 or more axes, and this has shape [8]",
            on=((8,),),
        ),
        Rejected("{generator: 1}", "`xavier_uniform_` does not take `generator` here"),
    )

    gain: NonNegative = 1.0


@final
class xavier_normal_(Initializer):
    """Normal of deviation gain·√(2/(fan_in + fan_out)). Source: torch.nn.init; Glorot & Bengio (2010)."""

    main = "gain"
    axes = (2, math.inf)
    accepts = (Accepted("", on=((8, 4),)), Accepted("2", on=((8, 4, 3, 3),)))
    rejects = (
        Rejected(
            "", "`xavier_normal_` needs a parameter of 2 or more axes, and this has shape [8]", on=((8,),)
        ),
    )

    gain: NonNegative = 1.0


@final
class kaiming_uniform_(Initializer):
    """Uniform in ±gain(nonlinearity)·√(3/fan). Source: torch.nn.init; He et al. (2015)."""

    main = "nonlinearity"
    axes = (2, math.inf)
    accepts = (
        Accepted("", on=((8, 4),)),
        Accepted("{nonlinearity: relu}", on=((8, 4, 3, 3),)),
        Accepted("{a: 0.2, mode: fan_out}", on=((8, 4),)),
    )
    rejects = (
        Rejected("{mode: fan_avg}", 'expected `fan_in` or `fan_out`, found the text "fan_avg"'),
        Rejected(
            "",
            "`kaiming_uniform_` needs a parameter of 2 or more axes, and this has shape [8]",
            on=((8,),),
        ),
    )

    a: Real = 0.0
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    nonlinearity: Nonlinearity = "leaky_relu"


@final
class kaiming_normal_(Initializer):
    """Normal of deviation gain(nonlinearity)/√fan. Source: torch.nn.init; He et al. (2015)."""

    main = "nonlinearity"
    axes = (2, math.inf)
    accepts = (
        Accepted("{nonlinearity: relu}", on=((8, 4, 3, 3),)),
        Accepted("{mode: fan_out}", on=((8, 4),)),
    )
    rejects = (
        Rejected(
            "",
            "`kaiming_normal_` needs a parameter of 2 or more axes, and this has shape [8]",
            on=((8,),),
        ),
    )

    a: Real = 0.0
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    nonlinearity: Nonlinearity = "leaky_relu"


@final
class normal_(Initializer):
    """Normal of ``mean`` and deviation ``std``. Source: torch.nn.init.normal_."""

    main = "std"
    accepts = (
        Accepted("", on=((8,),)),
        Accepted("{std: 0.02}", on=((8, 4),)),
        Accepted("0.02", on=((3, 4),)),
    )
    rejects = (Rejected("{std: -1}", "expected a real number of at least 0, found -1"),)

    mean: Real = 0.0
    std: NonNegative = 1.0


@final
class uniform_(Initializer):
    """Uniform in [a, b). Source: torch.nn.init.uniform_."""

    accepts = (Accepted("", on=((8,),)), Accepted("{a: -0.1, b: 0.1}", on=((8, 4),)))
    rejects = (Rejected("{a: 2}", "`a` is 2, which is above `b`, 1"),)

    a: Real = 0.0
    b: Real = 1.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _expect_order(self.a, self.b)
        return self


@final
class trunc_normal_(Initializer):
    """Normal of ``mean`` and ``std``, drawn again outside [a, b]. Source: torch.nn.init.trunc_normal_."""

    main = "std"
    accepts = (Accepted("", on=((8,),)), Accepted("{std: 0.02, a: -0.04, b: 0.04}", on=((8, 4),)))
    rejects = (
        Rejected("{a: 3}", "`a` is 3, which is above `b`, 2"),
        Rejected("{mean: 9}", "`mean` is 9, more than two deviations outside [-2, 2]"),
    )

    mean: Real = 0.0
    std: NonNegative = 1.0
    a: Real = -2.0
    b: Real = 2.0

    @model_validator(mode="after")
    def _in_reach(self) -> Self:
        _expect_order(self.a, self.b)
        if self.mean < self.a - 2 * self.std or self.mean > self.b + 2 * self.std:
            raise Cause(
                f"`mean` is {self.mean:g}, more than two deviations outside [{self.a:g}, {self.b:g}]",
                field="mean",
            )
        return self


@final
class constant_(Initializer):
    """Every value is ``val``. Source: torch.nn.init.constant_."""

    main = "val"
    draws = False
    accepts = (Accepted("1.0", on=((8,),)), Accepted("{val: 0.5}", on=((8, 4),)))
    rejects = (Rejected("", "`constant_` needs `val`"),)

    val: Real


@final
class zeros_(Initializer):
    """Every value is 0. Source: torch.nn.init.zeros_."""

    draws = False
    accepts = (Accepted("", on=((8,),)),)
    rejects = (Rejected("{val: 1}", "`zeros_` has no field `val`"),)


@final
class ones_(Initializer):
    """Every value is 1. Source: torch.nn.init.ones_."""

    draws = False
    accepts = (Accepted("", on=((8,),)),)
    rejects = (Rejected("1", "`ones_` takes no fields, found 1"),)


@final
class eye_(Initializer):
    """The identity matrix. Source: torch.nn.init.eye_."""

    axes = (2, 2)
    draws = False
    accepts = (Accepted("", on=((8, 4),)),)
    rejects = (
        Rejected(
            "", "`eye_` needs a parameter of 2 axes, and this has shape [8, 4, 3, 3]", on=((8, 4, 3, 3),)
        ),
    )


@final
class dirac_(Initializer):
    """A convolution that hands its channels on. Source: torch.nn.init.dirac_."""

    main = "groups"
    axes = (3, 5)
    draws = False
    accepts = (Accepted("", on=((8, 4, 3, 3),)), Accepted("2", on=((8, 2, 3),)))
    rejects = (
        Rejected("", "`dirac_` needs a parameter of 3 to 5 axes, and this has shape [8, 4]", on=((8, 4),)),
        Rejected("3", "`groups` is 3, which does not divide the 8 output channels", on=((8, 4, 3, 3),)),
    )

    groups: Count = 1

    def check_shape(self, shape: Shape) -> None:
        """Raises ``Cause`` unless ``groups`` divides the output channels."""
        if shape[0] % self.groups:
            raise Cause(
                f"`groups` is {self.groups}, which does not divide the {shape[0]} output channels",
                field="groups",
            )


@final
class orthogonal_(Initializer):
    """Orthogonal rows or columns, times ``gain``. Source: torch.nn.init; Saxe et al. (2014)."""

    main = "gain"
    axes = (2, math.inf)
    accepts = (Accepted("", on=((8, 4),)), Accepted("{gain: 2}", on=((8, 4, 3, 3),)))
    rejects = (
        Rejected("", "`orthogonal_` needs a parameter of 2 or more axes, and this has shape [8]", on=((8,),)),
    )

    gain: Real = 1.0


@final
class sparse_(Initializer):
    """Normal, with the share ``sparsity`` of each column set to 0. Source: torch.nn.init; Martens (2010)."""

    main = "sparsity"
    axes = (2, 2)
    accepts = (Accepted("0.1", on=((8, 4),)), Accepted("{sparsity: 0.5, std: 0.1}", on=((8, 4),)))
    rejects = (
        Rejected("", "`sparse_` needs `sparsity`"),
        Rejected("0.1", "`sparse_` needs a parameter of 2 axes, and this has shape [8]", on=((8,),)),
    )

    sparsity: Probability
    std: NonNegative = 0.01


def _expect_order(a: float, b: float) -> None:
    if a > b:
        raise Cause(f"`a` is {a:g}, which is above `b`, {b:g}", field="a")
