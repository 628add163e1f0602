"""Plans a loop: its slots, its instructions forwards, and the linear program of its adjoints."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from builder.cells.cell import CellParameter
from builder.cells.plan.adjoint import Adjoints, landed
from builder.cells.plan.body import Body
from builder.cells.plan.listing import CHEAP
from builder.cells.plan.loop import Carry, Late, Loop
from builder.cells.plan.schedule import Schedule, fused
from builder.cells.term import Read, Term, Weight


def make_loop(
    terms: Mapping[str, Term],
    outside: Collection[str],
    parameters: Mapping[str, CellParameter],
    hoist: Callable[[Term], Term],
    timeless: Collection[str],
) -> Loop:
    """Plans the loop of the equations ``terms``, of which those in ``outside`` are read after it.

    ``hoist`` takes a term that reads none of them and gives the atom that will hold it; names in
    ``timeless`` hold no steps.
    """
    body = Body(terms, parameters, hoist, timeless)
    members = tuple(name for name in terms if name in outside or name in body.carried)
    code = dict(body.listing.code)  # what is listed from here on are coefficients
    schedule = Schedule(body, code, members)
    adjoints = Adjoints(body, code, members, schedule)
    backward = tuple(adjoints.steps())
    late = tuple(adjoints.late())
    multiplied = {product.operand for product in schedule.operands}
    held = {
        name
        for name, operation in code.items()
        if name in members
        or name in schedule.place
        or Read(name) in multiplied
        or operation.function not in CHEAP
    }
    read = [step.coefficient for step in (*backward, *late) if isinstance(step, Carry | Late)]
    needed = body.listing.needed(read, frozenset(held))
    coefficients = dict(fused({name: body.listing.code[name] for name in needed}, keep=read))
    landing, backward = landed(coefficients, schedule.slots, backward, read)
    leaves = adjoints.leaves()
    vectors = tuple(leaf for leaf in leaves if isinstance(leaf, Weight) or leaf.name in timeless)
    sequences = [leaf for leaf in leaves if isinstance(leaf, Read) and leaf.name not in timeless]
    return Loop(
        members=members,
        carried=body.carried,
        slots=schedule.slots,
        biases=tuple(body.slots[name].biases for name in schedule.slots),
        static=schedule.static,
        operands=schedule.operands,
        sequences=tuple(dict.fromkeys((*(product.operand for product in schedule.static), *sequences))),
        vectors=vectors,
        code=code,
        forward=schedule.instructions,
        place=schedule.place,
        kept=tuple(
            name for name in code if name in held and name not in members and name not in schedule.place
        ),
        adjoints=adjoints.roots,
        coefficients=tuple(coefficients.items()),
        landing=landing,
        backward=backward,
        late=late,
    )
