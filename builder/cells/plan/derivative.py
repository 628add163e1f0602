"""Derivatives of pointwise terms, written as terms: the chain rule backwards, one function at a time.

A derivative is written through the function's own value where that is cheaper (σ′ = σ(1 − σ), tanh′ =
1 − tanh²), so that a forward pass need not keep what the function was applied to. Where a function is not
smooth, its derivative is the one that PyTorch takes: 0 for ``relu`` and ``abs`` at 0, one half to each of two
equal operands of ``minimum``. ``layer_norm`` is no pointwise function and has no rule here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from builder.cells.term import Apply, Constant, Term

# What only derivatives are made of, and how many values each takes. ``name_backward`` takes the adjoint and
# what it was derived through, as in PyTorch; ``heaviside`` is 0, one half at 0, then 1; ``xlogy`` is x·log y.
INTERNAL: Final[dict[str, int]] = {
    "sigmoid_backward": 2, "tanh_backward": 2, "relu_backward": 2, "elu_backward": 2,
    "softplus_backward": 2, "silu_backward": 2, "gelu_backward": 2, "hardsigmoid_backward": 2,
    "hardtanh_backward": 2, "sign": 1, "heaviside": 1, "xlogy": 2,
}  # fmt: skip

# Functions whose derivative needs their value alone: what they are applied to may be overwritten.
BY_VALUE: Final = frozenset({"sigmoid", "tanh", "relu", "exp", "sqrt", "elu"})

ZERO: Final = Constant(0.0)
ONE: Final = Constant(1.0)


def add(a: Term, b: Term) -> Term:
    """``a + b``, folded."""
    match a, b:
        case Constant(x), Constant(y):
            return Constant(x + y)
        case Constant(0.0), _:
            return b
        case _, Constant(0.0):
            return a
        case _, Apply("negative", (c,)):
            return subtract(a, c)
    return Apply("add", (a, b))


def subtract(a: Term, b: Term) -> Term:
    """``a − b``, folded."""
    match a, b:
        case Constant(x), Constant(y):
            return Constant(x - y)
        case _, Constant(0.0):
            return a
        case Constant(0.0), _:
            return negative(b)
    return Apply("subtract", (a, b))


def negative(a: Term) -> Term:
    """``−a``, folded."""
    match a:
        case Constant(x):
            return Constant(-x)
        case Apply("negative", (b,)):
            return b
    return Apply("negative", (a,))


def multiply(a: Term, b: Term) -> Term:
    """``a · b``, folded; what is multiplied by 0 is 0."""
    match a, b:
        case Constant(x), Constant(y):
            return Constant(x * y)
        case (Constant(0.0), _) | (_, Constant(0.0)):
            return ZERO
        case (Constant(1.0), c) | (c, Constant(1.0)):
            return c
        case (Constant(-1.0), c) | (c, Constant(-1.0)):
            return negative(c)
    return Apply("multiply", (a, b))


def divide(a: Term, b: Term) -> Term:
    """``a / b``, folded."""
    match a, b:
        case Constant(0.0), _:
            return ZERO
        case _, Constant(1.0):
            return a
        case Constant(x), Constant(y) if y != 0.0:
            return Constant(x / y)
    return Apply("divide", (a, b))


_FOLDED: Final[dict[str, Callable[..., Term]]] = {
    "add": add, "subtract": subtract, "negative": negative, "multiply": multiply, "divide": divide,
}  # fmt: skip


def simplified(function: str, operands: tuple[Term, ...]) -> Term:
    """``function`` on ``operands``, with 0, 1 and constants folded."""
    if folded := _FOLDED.get(function):
        return folded(*operands)
    if function == "identity":
        return operands[0]
    return Apply(function, operands)


def pulled_back(term: Apply, value: Term, adjoint: Term) -> tuple[Term, ...]:
    """What ``adjoint``, the derivative with respect to ``term``, gives each of its operands.

    ``value`` stands for the value of ``term``. Raises ``KeyError`` for ``layer_norm``.

    >>> from builder.cells.term import Read
    >>> x, y = Read("x"), Read("y")
    >>> pulled_back(Apply("multiply", (x, y)), Read("z"), ONE) == (y, x)
    True
    """
    match term.function, term.operands:
        case "identity", _:
            return (adjoint,)
        case "add", _:
            return adjoint, adjoint
        case "subtract", _:
            return adjoint, negative(adjoint)
        case "negative", _:
            return (negative(adjoint),)
        case "multiply", (a, b):
            return multiply(adjoint, b), multiply(adjoint, a)
        case "divide", (_, b):
            return divide(adjoint, b), negative(divide(multiply(adjoint, value), b))
        case "power", (a, b):
            return _of_base(a, b, adjoint), multiply(adjoint, Apply("xlogy", (value, a)))
        case "minimum", (a, b):
            return multiply(adjoint, _below(a, b)), multiply(adjoint, _below(b, a))
        case "maximum", (a, b):
            return multiply(adjoint, _below(b, a)), multiply(adjoint, _below(a, b))
    (operand,) = term.operands
    return (_UNARY[term.function](adjoint, operand, value),)


def derivative(term: Term, leaf: Term) -> Term:
    """∂``term``/∂``leaf``, simplified; 0 where the term does not read it.

    >>> from builder.cells.term import Read
    >>> h = Read("h", previous=True)
    >>> derivative(Apply("multiply", (Read("f"), h)), h) == Read("f")
    True

    A gate that sees what it forgets, d/dc (σ(p·c)·c) = σ + c·σ(1 − σ)·p:

    >>> from builder.cells.plan.notation import formula
    >>> from builder.cells.term import Weight
    >>> c = Read("c", previous=True)
    >>> gate = Apply("sigmoid", (Apply("multiply", (Weight("p"), c)),))
    >>> formula(derivative(Apply("multiply", (gate, c)), c))
    '(c_prev * ((sigmoid(p * c_prev) * (1 - sigmoid(p * c_prev))) * p)) + sigmoid(p * c_prev)'
    """
    if term == leaf:
        return ONE
    if not isinstance(term, Apply):
        return ZERO
    total: Term = ZERO
    for index, operand in enumerate(term.operands):
        inner = derivative(operand, leaf)
        if inner != ZERO:
            total = add(total, multiply(pulled_back(term, term, ONE)[index], inner))
    return total


def _of_base(base: Term, exponent: Term, adjoint: Term) -> Term:
    """∂(base ** exponent)/∂base, times the adjoint."""
    match exponent:
        case Constant(0.0):
            return ZERO
        case Constant(1.0):
            return adjoint
        case Constant(2.0):
            return multiply(adjoint, multiply(exponent, base))
    lower = Apply("power", (base, subtract(exponent, ONE)))
    return multiply(adjoint, multiply(exponent, lower))


def _below(a: Term, b: Term) -> Term:
    """1 where a < b, one half where they are equal."""
    return Apply("heaviside", (subtract(b, a),))


def _sigmoid(adjoint: Term, operand: Term, value: Term) -> Term:
    if adjoint == ONE:
        return multiply(value, subtract(ONE, value))
    return Apply("sigmoid_backward", (adjoint, value))


def _tanh(adjoint: Term, operand: Term, value: Term) -> Term:
    if adjoint == ONE:
        return subtract(ONE, multiply(value, value))
    return Apply("tanh_backward", (adjoint, value))


def _through(function: str, *, value: bool) -> Callable[[Term, Term, Term], Term]:
    """The rule of a function that PyTorch has a backward function of."""
    name = f"{function}_backward"
    if value:
        return lambda adjoint, _, value: Apply(name, (adjoint, value))
    return lambda adjoint, operand, _: Apply(name, (adjoint, operand))


_UNARY: Final[dict[str, Callable[[Term, Term, Term], Term]]] = {
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "relu": _through("relu", value=True),
    "elu": _through("elu", value=True),
    "softplus": _through("softplus", value=False),
    "silu": _through("silu", value=False),
    "gelu": _through("gelu", value=False),
    "hardsigmoid": _through("hardsigmoid", value=False),
    "hardtanh": _through("hardtanh", value=False),
    "exp": lambda adjoint, _, value: multiply(adjoint, value),
    "log": lambda adjoint, operand, _: divide(adjoint, operand),
    "sqrt": lambda adjoint, _, value: divide(adjoint, multiply(Constant(2.0), value)),
    "abs": lambda adjoint, operand, _: multiply(adjoint, Apply("sign", (operand,))),
    "softsign": lambda adjoint, operand, _: divide(
        adjoint, Apply("power", (add(ONE, Apply("abs", (operand,))), Constant(2.0)))
    ),
}
