"""Plans as text: the worked examples of this room are written in it.

Names are those of the plan: ``c_prev`` is a value of the step before, ``@0`` a slot, ``%1`` an operation within the
loop, ``#0`` a term taken out of the loop. ``∂c`` is the adjoint of ``c``: the derivative of the loss with respect to
it. ``[W; V]`` are matrices below each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from builder.cells.plan.loop import Backward, Carry, Instruction, Loop, Product, PullNorm, PullProduct, Scale
from builder.cells.plan.program import Assignment, Packed, Region, Scan, Whole
from builder.cells.term import Apply, Constant, Name, Project, Read, Term, Weight

_FORMS: Final = {
    "add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}", "power": "{} ** {}",
    "negative": "-{}", "addcmul": "{} + {} * {}", "subcmul": "{} - {} * {}", "lerp": "{0} + {2} * ({1} - {0})",
}  # fmt: skip


def formula(term: Term) -> str:
    """A term as the right side of an equation; a sum, product or power within another stands in brackets.

    >>> formula(Apply("multiply", (Read("o"), Apply("tanh", (Read("c", previous=True),)))))
    'o * tanh(c_prev)'
    """
    match term:
        case Constant(value):
            return f"{value:g}"
        case Read(name, previous):
            return f"{name}_prev" if previous else name
        case Weight(name) | Name(name):
            return name
        case Project(matrix, operands):
            return f"{matrix} @ {_stacked(map(formula, operands))}"
        case Apply(function, operands) if function in _FORMS:
            return _FORMS[function].format(*map(_bracketed, operands))
        case Apply(function, operands):
            return f"{function}({', '.join(map(formula, operands))})"


def region_lines(region: Region) -> Iterator[str]:
    """A region of a program: a line for each product, value or scan; a loop is one line with its members."""
    match region:
        case Whole(steps):
            yield from map(_whole, steps)
        case Scan(name, factor, rest):
            yield f"scan: {name} = {_bracketed(factor)} * {name}_prev + {_bracketed(rest)}"
        case Loop():
            yield f"loop: {', '.join(region.members)}"


def forward_lines(loop: Loop) -> Iterator[str]:
    """What is added to the slots before the loop, then one step: a line for each call."""
    for slot, names in zip(loop.slots, loop.biases, strict=True):
        if names:
            yield f"before: {slot} = {' + '.join(names)}"
    for product in loop.static:
        yield from (f"before: {line}" for line in _products(loop, product))
    products = {product.operand: product for product in loop.operands}
    for instruction in loop.forward:
        if instruction.function == "product":
            ((operand,),) = instruction.operands
            assert isinstance(operand, Read)
            yield from _products(loop, products[operand])
        else:
            yield "; ".join(_assignments(instruction))


def backward_lines(loop: Loop) -> Iterator[str]:
    """The coefficients, worked out for many steps at once, then one step of the adjoint, then what vectors get.

    A slot's adjoint holds its coefficient until ``*=`` makes it the adjoint.
    """
    for name, operation in loop.coefficients:
        landed = f"∂{loop.slots[loop.landing[name]]} = " if name in loop.landing else ""
        yield f"at once: {landed}{name} = {formula(operation)}"
    for step in loop.backward:
        yield from _backward(loop, step)
    for late in loop.late:
        yield f"late: ∂{formula(late.leaf)} += {formula(late.coefficient)} * ∂{late.source}"


def _bracketed(term: Term) -> str:
    return f"({formula(term)})" if isinstance(term, Apply) and term.function in _FORMS else formula(term)


def _stacked(names: Iterable[str], sign: str = ", ") -> str:
    texts = list(names)
    return texts[0] if len(texts) == 1 else f"[{sign.join(texts)}]"


def _whole(step: Packed | Assignment) -> str:
    match step:
        case Packed(operand, names, matrices, biases):
            added = _stacked((" + ".join(bias) or "0" for bias in biases), "; ")
            product = f"{_stacked(names, '; ')} = {_stacked(matrices, '; ')} @ {_bracketed(operand)}"
            return f"{product} + {added}" if any(biases) else product
        case Assignment(name, term):
            return f"{name} = {formula(term)}"


def _products(loop: Loop, product: Product) -> Iterator[str]:
    """Every run of one operand's products."""
    for start, stop, matrices in product.runs:
        slots = _stacked(loop.slots[start:stop], "; ")
        yield f"{slots} += {_stacked(matrices, '; ')} @ {formula(product.operand)}"


def _assignments(instruction: Instruction) -> Iterator[str]:
    """Every lane of an instruction."""
    for lane, name in enumerate(instruction.outs):
        operands = tuple(lanes[lane] if len(lanes) > 1 else lanes[0] for lanes in instruction.operands)
        yield f"{name} = {formula(Apply(instruction.function, operands))}"


def _backward(loop: Loop, step: Backward) -> Iterator[str]:
    match step:
        case Carry(source, target, coefficient, first):
            yield f"∂{formula(target)} {'=' if first else '+='} {_bracketed(coefficient)} * ∂{source}"
        case Scale(source, start, stop):
            yield f"{', '.join(f'∂{slot}' for slot in loop.slots[start:stop])} *= ∂{source}"
        case PullProduct(product, first):
            for start, stop, matrices in product.runs:
                slots = _stacked((f"∂{slot}" for slot in loop.slots[start:stop]), "; ")
                sign, first = "=" if first else "+=", False
                yield f"∂{formula(product.operand)} {sign} {_stacked(matrices, '; ')}ᵀ @ {slots}"
        case PullNorm(source, target, first):
            yield f"∂{formula(target)} {'=' if first else '+='} norm({source}, ∂{source})"
