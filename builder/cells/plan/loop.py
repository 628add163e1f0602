"""One step of a loop, forwards and backwards, as a plan: plain data.

**Slots.** A sum that holds products with a matrix is a slot. What is known before the loop (products with
``x``, biases) is worked out for all steps into one buffer, T×N×K×H; each step adds, in place, the products with
values of the step before or of this one. The function on a slot is applied in place too, to neighbouring
slots at once.

**Backwards.** Given the values, the adjoint of a step is *linear*. So the derivative of each *root* (what is
carried, what leaves the loop, what a matrix or ``layer_norm`` is applied to) with respect to each slot, carried
value and other root is worked out for many steps at once, and a step of the backward loop is only a few
multiply-adds and one product per matrix operand. The gradients of matrices, biases and vectors are worked
out over all steps at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from builder.cells.term import Apply, Read, Term


@dataclass(frozen=True, slots=True)
class Product:
    """Slots that one operand is multiplied into: ``slots[start:stop]`` by the matrices, for each run."""

    operand: Read
    runs: tuple[tuple[int, int, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Instruction:
    """A function on neighbouring slots or on values: one operand per lane, or one for all lanes.

    ``function`` is a function of ``builder.cells.term``, ``addcmul`` (a + b·c), ``subcmul`` (a − b·c), ``lerp``
    (a + c·(b − a)) or ``product`` (``outs`` are then empty, and ``operands`` the operand of a ``Product``).
    """

    function: str
    outs: tuple[str, ...]
    operands: tuple[tuple[Term, ...], ...]


@dataclass(frozen=True, slots=True)
class Carry:
    """``adjoint of target += coefficient · adjoint of source``; ``first``: nothing is there yet."""

    source: str
    target: Read
    coefficient: Term
    first: bool


@dataclass(frozen=True, slots=True)
class PullProduct:
    """``adjoint of operand += adjoint of slots @ matrices``."""

    product: Product
    first: bool


@dataclass(frozen=True, slots=True)
class PullNorm:
    """``adjoint of target += `` what ``layer_norm`` gives back of the adjoint of ``source``, its value."""

    source: str
    target: Read
    first: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """The adjoints of ``slots[start:stop]``, which hold their coefficients, times the adjoint of ``source``."""

    source: str
    start: int
    stop: int


Backward = Carry | Scale | PullProduct | PullNorm


@dataclass(frozen=True, slots=True)
class Late:
    """``gradient of leaf += coefficient · adjoint of source``, summed where the leaf has no steps."""

    source: str
    leaf: Term
    coefficient: Term


@dataclass(frozen=True, eq=False)
class Loop:
    """A plan. ``members`` have a buffer over all steps; ``carried`` are those read from the step before.

    ``slots`` are in buffer order, with ``biases`` of each; ``static`` are their products with sequences,
    ``operands`` those within a step. ``sequences`` are the values at all steps that are read, ``vectors`` those
    without steps. ``code`` are all operations; ``forward`` is the row that makes them. ``place`` says which slot a
    value is held in; ``kept`` values have a buffer over all steps each; all else is worked out anew.

    ``adjoints`` are the roots. ``coefficients`` are worked out for many steps at once, those in ``landing`` in the
    adjoint of that slot; then ``backward`` is one step; ``late`` is for many steps at once again.
    """

    members: tuple[str, ...]
    carried: tuple[str, ...]
    slots: tuple[str, ...]
    biases: tuple[tuple[str, ...], ...]
    static: tuple[Product, ...]
    operands: tuple[Product, ...]
    sequences: tuple[Read, ...]
    vectors: tuple[Term, ...]
    code: Mapping[str, Apply]
    forward: tuple[Instruction, ...]
    place: Mapping[str, int]
    kept: tuple[str, ...]
    adjoints: tuple[str, ...]
    coefficients: tuple[tuple[str, Apply], ...]
    landing: Mapping[str, int]
    backward: tuple[Backward, ...]
    late: tuple[Late, ...]

    def worked_out(self, terms: Iterable[Term]) -> tuple[tuple[str, Apply], ...]:
        """The coefficients among the terms, and those that they are worked out from, in their order."""
        read = set(terms)
        for name, operation in reversed(self.coefficients):
            if Read(name) in read:
                read.update(operation.operands)
        return tuple((name, operation) for name, operation in self.coefficients if Read(name) in read)
