"""What a loop's kernels are; what they give: tests/builder/runtime/cells/compiled/test_compiled_loop.py."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from builder.cells.cell import Cell
from builder.cells.plan.derivative import INTERNAL
from builder.cells.plan.kernels import Kernel, Kernels, kernels
from builder.cells.plan.loop import Instruction, Loop, PullNorm, PullProduct
from builder.cells.plan.program import compile_cell
from builder.cells.term import FUNCTIONS, OPERATORS

PEEPHOLE = """
states: [h, c]
gates:
  i_secret: sigmoid(W @ x + U @ h_prev + p * c_prev + b)
  g: tanh(W @ x + U @ h_prev + b)
parameters: {p: vector}
update:
  c: i_secret * c_prev + (1 - i_secret) * g
  h: i_secret * tanh(c)
"""
RESET = """
states: [h]
gates:
  r: sigmoid(W @ x + U @ h_prev + b)
  n: tanh(W @ x + U @ layer_norm(r * h_prev) + 0.1)
update: {h: (1 - r) * n + r * h_prev}
"""


@pytest.fixture
def made(cell: Callable[..., Cell]) -> Callable[[str], Kernels]:
    """The kernels of the one loop of a cell."""

    def kernels_of(text: str) -> Kernels:
        (loop,) = (one for one in compile_cell(cell(text)).regions if isinstance(one, Loop))
        return kernels(loop)

    return kernels_of


def kinds(steps: tuple[object, ...]) -> list[str]:
    return [one.function if isinstance(one, Instruction) else type(one).__name__ for one in steps]


def test_all_between_two_products_is_one_kernel(made: Callable[[str], Kernels]) -> None:
    found = made(PEEPHOLE)
    assert kinds(found.forward) == ["product", "Kernel"]
    assert kinds(found.backward) == ["Kernel", PullProduct.__name__]


def test_what_is_no_pointwise_operation_stays(made: Callable[[str], Kernels]) -> None:
    found = made(RESET)
    assert kinds(found.forward) == ["product", "Kernel", "layer_norm", "product", "Kernel"]
    assert PullNorm.__name__ in kinds(found.backward)


def test_the_source_holds_no_name_that_a_user_wrote(made: Callable[[str], Kernels]) -> None:
    assert "secret" not in made(PEEPHOLE).source


def test_an_array_is_handed_over_once(made: Callable[[str], Kernels]) -> None:
    found = made(PEEPHOLE)
    for one in (*found.forward, *found.backward):
        if isinstance(one, Kernel):
            assert len(set(one.arrays)) == len(one.arrays)


def test_numbers_are_exact(made: Callable[[str], Kernels]) -> None:
    assert f"({(0.1).hex()}f)" in made(RESET).source


def test_every_function_is_there_with_its_operands(made: Callable[[str], Kernels]) -> None:
    header = made(RESET).source
    counts = {
        name: operands.count("float ")
        for name, operands in re.findall(r"static inline float f_(\w+)\(([^)]*)\)", header)
    }
    fused = {"addcmul": 3, "subcmul": 3, "lerp": 3}
    expected = {**FUNCTIONS, **OPERATORS, **INTERNAL, **fused}
    del expected["layer_norm"]
    assert counts == expected
