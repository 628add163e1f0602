"""A loop's pointwise operations as functions in C, each a run of a step's operations between two products.

A step of the loop is then a row of products, which torch makes, and of these. Within one, all that is not read
later stays in registers; backwards the coefficients do too. The source holds nothing of what a user wrote:
numbers, and names of our own.

``h = tanh(W @ x + U @ h_prev)`` backwards: from ``h`` and ∂h the adjoint of the slot, ∂@0 = ∂h·(1 − h²), before the
product with ``U`` (``a0`` is ``h``, ``a1`` its adjoint, ``a2`` the slot's):

    >>> from builder.cells.plan.example import example_cell
    >>> from builder.cells.plan.program import compile_cell
    >>> (loop,) = compile_cell(example_cell("{states: [h], update: {h: tanh(W @ x + U @ h_prev)}}")).regions
    >>> compiled = kernels(loop)
    >>> [type(step).__name__ for step in compiled.backward]
    ['Kernel', 'PullProduct']
    >>> for line in compiled.source.split("void backward_0")[1].splitlines():
    ...     if line.startswith(" " * 12):
    ...         print(line.strip())
    const float r1 = a0[j];
    const float r2 = f_subcmul((0x1.0000000000000p+0f), r1, r1);
    const float r3 = a1[j];
    const float r4 = f_multiply(r3, r2);
    a2[j] = r4;
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from builder.cells.plan.loop import Backward, Carry, Instruction, Loop, PullNorm, PullProduct, Scale
from builder.cells.term import Constant, Read, Term

One = TypeVar("One", Instruction, Backward)

_FUNCTIONS: Final = Path(__file__).with_name("pointwise.h")


class Array(NamedTuple):
    """What a kernel reads or writes: a value at each step, T×N×H, or without steps; or a value's adjoint."""

    term: Term
    adjoint: bool = False


class Kernel(NamedTuple):
    """A function in C, and what it is handed, in order.

    ``void name(float *const *array, const int64_t *step, const int64_t *row, int64_t n, int64_t h, int64_t t)``
    works at step ``t`` on n rows of h neighbouring numbers; ``step`` and ``row`` say how far two of them are apart in
    each array.
    """

    name: str
    arrays: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class Kernels:
    """A loop with its pointwise operations as kernels: their source, and the steps forwards and backwards.

    ``operations`` are the functions that all kernels call.
    """

    source: str
    operations: int
    forward: tuple[Instruction | Kernel, ...]
    backward: tuple[Backward | Kernel, ...]


def kernels(loop: Loop) -> Kernels:
    """The kernels of a loop. What is no pointwise operation stays as it is."""
    bodies: list[_Body] = []
    forward = _with_kernels("forward", loop.forward, partial(_forwards, loop), bodies)
    backward = _with_kernels("backward", loop.backward, partial(_backwards, loop), bodies)
    source = "\n".join((_FUNCTIONS.read_text(encoding="utf-8"), *(body.source() for body in bodies)))
    return Kernels(source, sum(body.operations for body in bodies), forward, backward)


def _with_kernels(
    name: str, steps: Iterable[One], write: Callable[[list[One], _Body], None], bodies: list[_Body]
) -> tuple[One | Kernel, ...]:
    """The steps with each run of pointwise ones written as one kernel, whose body goes to ``bodies``."""
    written: list[One | Kernel] = []
    for number, run in enumerate(_runs(steps)):
        if isinstance(run, list):
            body = _Body(f"{name}_{number}")
            write(run, body)
            bodies.append(body)
            written.append(body.kernel())
        else:
            written.append(run)
    return tuple(written)


def _runs(steps: Iterable[One]) -> Iterator[list[One] | One]:
    """Pointwise steps that follow upon each other as lists, and what stands between them."""
    run: list[One] = []
    for step in steps:
        if isinstance(step, PullProduct | PullNorm) or (
            isinstance(step, Instruction) and step.function in ("product", "layer_norm")
        ):
            if run:
                yield run
            run = []
            yield step
        else:
            run.append(step)
    if run:
        yield run


def _forwards(loop: Loop, run: list[Instruction], body: _Body) -> None:
    """The instructions; stored is what stands last in its place, and what is read outside."""
    for instruction in run:
        for lane, name in enumerate(instruction.outs):
            operands = [lanes[lane] if len(lanes) > 1 else lanes[0] for lanes in instruction.operands]
            body.define(Array(Read(name)), body.call(instruction.function, map(Array, operands)))
    made = [name for instruction in run for name in instruction.outs]
    last = {loop.place[name]: name for name in made if name in loop.place}
    ours = {id(instruction) for instruction in run}
    elsewhere = {
        term
        for instruction in loop.forward
        if id(instruction) not in ours
        for operand in instruction.operands
        for term in operand
    }
    for name in made:
        stays = name in loop.members or name in loop.kept or last.get(loop.place.get(name, -1)) == name
        if stays or (name not in loop.place and Read(name) in elsewhere):
            body.store(Array(Read(name)))


def _backwards(loop: Loop, steps: list[Backward], body: _Body) -> None:
    """The multiply-adds on adjoints, their coefficients worked out on the way."""
    read: list[Term] = [step.coefficient for step in steps if isinstance(step, Carry)]
    for name, operation in loop.worked_out((*read, *map(Read, _landed(loop, steps)))):
        body.define(Array(Read(name)), body.call(operation.function, map(Array, operation.operands)))

    def gather(source: str, target: Read, term: Term, *, first: bool) -> None:
        into, given = Array(target, adjoint=True), Array(Read(source), adjoint=True)
        factor = Array(term)
        if first:
            body.define(into, body.call("multiply", (given, factor)))
        else:
            body.define(into, body.call("addcmul", (into, given, factor)))
        body.store(into)

    for step in steps:
        match step:
            case Carry(source, target, term, first):
                gather(source, target, term, first=first)
            case Scale(source, start, stop):
                for slot, name in zip(range(start, stop), _landed(loop, [step]), strict=True):
                    gather(source, Read(loop.slots[slot]), Read(name), first=True)


def _landed(loop: Loop, steps: Iterable[Backward]) -> list[str]:
    """The coefficients by which the steps scale slots, in their order."""
    names = {slot: name for name, slot in loop.landing.items()}
    return [names[slot] for step in steps if isinstance(step, Scale) for slot in range(step.start, step.stop)]


class _Body:
    """One kernel as it is written: what is in a register, what is loaded, and what is stored at the end."""

    def __init__(self, name: str) -> None:
        self.operations = 0
        self._name = name
        self._registers: dict[Array, str] = {}
        self._arrays: dict[Array, int] = {}
        self._lines: list[str] = []
        self._stores: dict[Array, None] = {}
        self._count = 0

    def define(self, value: Array, expression: str) -> None:
        """Gives a value, from here on."""
        self._registers[value] = self._register(expression)

    def call(self, function: str, operands: Iterable[Array]) -> str:
        """The function on what the operands are now."""
        self.operations += 1
        return f"f_{function}({', '.join([self._read(operand) for operand in operands])})"

    def store(self, value: Array) -> None:
        """Lets what the value is at the end outlast the kernel."""
        self._place(value)
        self._stores[value] = None

    def source(self) -> str:
        """The kernel in C."""
        pointers = [
            f"float *a{at} = array[{at}] + t * step[{at}] + i * row[{at}];" for at in range(len(self._arrays))
        ]
        stores = [f"a{self._arrays[array]}[j] = {self._registers[array]};" for array in self._stores]
        return (
            f"EXPORTED void {self._name}(float *const *array, const int64_t *step, const int64_t *row, "
            "int64_t n, int64_t h, int64_t t) {\n"
            "    for (int64_t i = 0; i < n; i++) {\n"
            + "".join(f"        {line}\n" for line in pointers)
            + "        INDEPENDENT\n"
            "        for (int64_t j = 0; j < h; j++) {\n"
            + "".join(f"            {line}\n" for line in (*self._lines, *stores))
            + "        }\n    }\n}\n"
        )

    def kernel(self) -> Kernel:
        """The kernel, and what it is handed."""
        return Kernel(self._name, tuple(self._arrays))

    def _read(self, value: Array) -> str:
        if value not in self._registers:
            if isinstance(value.term, Constant):
                self._registers[value] = _literal(value.term.value)
            else:
                self._registers[value] = self._register(f"a{self._place(value)}[j]")
        return self._registers[value]

    def _place(self, value: Array) -> int:
        return self._arrays.setdefault(value, len(self._arrays))

    def _register(self, expression: str) -> str:
        self._count += 1
        self._lines.append(f"const float r{self._count} = {expression};")
        return f"r{self._count}"


def _literal(value: float) -> str:
    if not math.isfinite(value):
        return "NAN" if math.isnan(value) else "INFINITY" if value > 0 else "(-INFINITY)"
    return f"({value.hex()}f)"
