"""Smooth rectifiers: y near x far above zero, bounded far below, and curved between."""

from __future__ import annotations

import math
from typing import Literal, final

from builder.component import Accepted, Rejected
from builder.fields import Positive, Real
from builder.layers.shared.activation import ANY_SHAPE, Elementwise


@final
class ELU(Elementwise):
    """y = x above zero, alpha·(eˣ − 1) below. Any shape. Source: torch.nn.ELU; Clevert et al. (2016)."""

    main = "alpha"
    snake = "elu"
    accepts = (*ANY_SHAPE, Accepted("0.5", on=((5,),)))
    rejects = (Rejected("[1]", "expected a real number, found the list [1]"),)

    alpha: Real = 1.0


@final
class SELU(Elementwise):
    """y = 1.0507·(x above zero, 1.6733·(eˣ − 1) below). Any shape.

    Source: torch.nn.SELU; Klambauer et al., "Self-normalizing neural networks" (2017).
    """

    snake = "selu"
    accepts = ANY_SHAPE


@final
class GELU(Elementwise):
    """y = x·Φ(x), with Φ the normal distribution function, or its approximation by `tanh`. Any shape.

    Source: torch.nn.GELU; Hendrycks & Gimpel (2016).
    """

    main = "approximate"
    snake = "gelu"
    accepts = (*ANY_SHAPE, Accepted("tanh", on=((5,),)))
    rejects = (Rejected("sigmoid", 'expected `none` or `tanh`, found the text "sigmoid"'),)

    approximate: Literal["none", "tanh"] = "none"


@final
class SiLU(Elementwise):
    """y = x·σ(x), also called swish. Any shape. Source: torch.nn.SiLU; Ramachandran et al. (2017)."""

    snake = "silu"
    accepts = ANY_SHAPE


@final
class Mish(Elementwise):
    """y = x·tanh(ln(1 + eˣ)). Any shape. Source: torch.nn.Mish; Misra (2020)."""

    snake = "mish"
    accepts = ANY_SHAPE


@final
class Softplus(Elementwise):
    """y = ln(1 + e^(beta·x))/beta, a smooth ReLU; where beta·x is above `threshold`, y = x. Any shape.

    Source: torch.nn.Softplus; Dugas et al. (2001).
    """

    snake = "softplus"
    span = (0.0, math.inf)
    accepts = (*ANY_SHAPE, Accepted("{beta: 2, threshold: 1}", on=((5,),)))
    rejects = (Rejected("{beta: 0}", "expected a real number above 0, found 0"),)

    beta: Positive = 1.0
    threshold: Real = 20.0


@final
class Hardswish(Elementwise):
    """y = x·min(max(x + 3, 0), 6)/6. Any shape. Source: torch.nn.Hardswish; Howard et al. (2019)."""

    snake = "hardswish"
    accepts = ANY_SHAPE
