"""What the constant parts of an equation come to, in float32, as a network works. Without torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from builder.language.float32 import rounded

_FUNCTIONS: Final[dict[str, Callable[..., float]]] = {
    "sigmoid": lambda x: (1 + math.tanh(x / 2)) / 2,
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0.0),
    "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
    "softsign": lambda x: x / (1 + abs(x)),
    "exp": math.exp,
    "log": math.log,
    "abs": abs,
    "sqrt": math.sqrt,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "silu": lambda x: x * (1 + math.tanh(x / 2)) / 2,
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "hardsigmoid": lambda x: min(max(x / 6 + 0.5, 0.0), 1.0),
    "hardtanh": lambda x: min(max(x, -1.0), 1.0),
    "identity": lambda x: x,
    "minimum": min,
    "maximum": max,
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": math.pow,
    "negative": lambda a: -a,
}


def worked_out(function: str, values: Sequence[float]) -> float | None:
    """The value of a function or sign on numbers; None for ``layer_norm``, which needs a vector.

    Raises ``OverflowError`` beyond ±3.4e38, ``ZeroDivisionError``, and ``ValueError`` for what is no real
    number.
    """
    known = _FUNCTIONS.get(function)
    return None if known is None else rounded(known(*map(rounded, values)))
