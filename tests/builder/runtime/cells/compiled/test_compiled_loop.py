"""Loops with compiled kernels, held against the plain loop in double precision and against torch's functions."""

from __future__ import annotations

import copy
import ctypes
import pickle
import warnings
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from builder.cells.cell import Cell
from builder.cells.plan.derivative import INTERNAL
from builder.cells.plan.kernels import kernels
from builder.cells.plan.loop import Loop
from builder.cells.plan.program import compile_cell
from builder.cells.reader import read_cells
from builder.cells.term import FUNCTIONS, OPERATORS
from builder.errors import Notice, Report
from builder.language.nodes import Mapping
from builder.language.source import read_file
from builder.runtime.cells.compiled import c_compiler
from builder.runtime.cells.compiled import compiled_loop as compiled_loops
from builder.runtime.cells.compiled.c_compiler import compiled
from builder.runtime.cells.compiled.compiled_loop import CompiledLoop, kernels_for
from builder.runtime.cells.module import CellModule
from builder.runtime.cells.pointwise import INTO


def read(file: Path) -> dict[str, Cell]:
    """The cells of a file."""
    report, root = Report(), read_file(file).root
    assert isinstance(root, Mapping)
    found = read_cells(root.get("cells"), report)
    report.raise_errors()
    return {name: one for name, one in found.items() if one is not None}


pytestmark = pytest.mark.usefixtures("one_thread")
needs_compiler = pytest.mark.usefixtures("c_compiler")
CELLS = {
    **read(Path(str(files("specs") / "library" / "cells.yaml"))),
    **read(Path(__file__).parents[1] / "cells.yaml"),
}
LOOPED = sorted(
    name for name, one in CELLS.items() if any(isinstance(r, Loop) for r in compile_cell(one).regions)
)


@pytest.fixture
def afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was compiled before, and nothing is remembered."""
    tried = lru_cache(compiled_loops.compiled_loop.__wrapped__)
    monkeypatch.setattr(compiled_loops, "compiled_loop", tried)
    monkeypatch.setattr("builder.runtime.cells.module.compiled_loop", tried)
    monkeypatch.setattr(c_compiler, "_library", c_compiler._library.__wrapped__)
    compiled_loops._tell.cache_clear()


def module(cell: Cell, size: int = 6, dtype: torch.dtype = torch.float32, **options: object) -> CellModule:
    """The cell over its own loop, as wide as what it reads."""
    torch.manual_seed(0)
    return CellModule(cell, size, size, way="loop", **options).to(dtype)  # type: ignore[arg-type]


def outcome(made: CellModule, x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
    """The output, the final states, and the gradients of x and all parameters."""
    x = x.clone().requires_grad_()
    output, states = made.unroll(x, lengths)
    torch.manual_seed(1)
    everything = [output, *states]
    loss = sum(((one * torch.randn(one.shape).to(one)).sum() for one in everything), torch.zeros(()))
    return [*everything, *torch.autograd.grad(loss, [x, *made.parameters()])]


def agree(cell: Cell, *, tolerance: float = 2e-5, lengths: Tensor | None = None, **options: object) -> None:
    """Compiled in single precision as plainly in double."""
    ours, plain = module(cell, compile=True, **options), module(cell, dtype=torch.float64, **options)
    plain._way = "plain"
    x = torch.randn(3, 9, 6)
    for one, other in zip(outcome(ours, x, lengths), outcome(plain, x.double(), lengths), strict=True):
        torch.testing.assert_close(one.double(), other, rtol=tolerance, atol=tolerance)


@needs_compiler
@pytest.mark.parametrize("name", LOOPED)
def test_as_the_plain_loop_in_double_precision(name: str) -> None:
    made = module(CELLS[name], compile=True)
    assert "is compiled" in made.reason
    agree(CELLS[name])


@needs_compiler
@pytest.mark.parametrize("name", ["PeepholeLSTM", "MGU", "Normed", "Carried"])
def test_sequences_of_unequal_length_both_ways_and_layers(name: str) -> None:
    agree(CELLS[name], lengths=torch.tensor([9, 1, 4]), num_layers=2, bidirectional=True, tolerance=1e-4)


@needs_compiler
@pytest.mark.parametrize("name", ["PeepholeLSTM", "ChoGRU", "Normed", "Carried", "Everything"])
def test_more_steps_than_one_stretch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.runtime.cells.loop_forward._STRETCH", 3 * 6 * 4)
    agree(CELLS[name])
    x = torch.randn(3, 9, 6)
    with torch.no_grad():
        found, _ = module(CELLS[name], compile=True).unroll(x)
    expected, _ = module(CELLS[name]).unroll(x)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@needs_compiler
def test_what_kernels_are_run_is_what_was_compiled() -> None:
    """A kernel that does nothing shows: the loop does run them."""
    loop = next(r for r in compile_cell(CELLS["MGU"]).regions if isinstance(r, Loop))
    found = kernels_for(loop, [torch.zeros(1)])
    assert isinstance(found, CompiledLoop)
    functions = dict(found._functions)
    try:
        found._functions = dict.fromkeys(functions, lambda *_: None)
        idle = module(CELLS["MGU"], compile=True)(torch.ones(1, 2, 6))
    finally:
        found._functions = functions
    assert not torch.allclose(idle, module(CELLS["MGU"])(torch.ones(1, 2, 6)))


@pytest.mark.parametrize(
    "other",
    [
        torch.zeros(1, dtype=torch.float64),
        torch.zeros(1, device="meta"),
        torch.ones(1, dtype=torch.complex64).conj().imag,
    ],
)
def test_all_that_is_read_must_suit(other: Tensor) -> None:
    """In single precision, there, and as its memory says: else kernels would read something else."""
    loop = next(r for r in compile_cell(CELLS["MGU"]).regions if isinstance(r, Loop))
    assert kernels_for(loop, [torch.zeros(1), other]) is None


def test_numbers_in_double_precision_are_not_taken_for_others() -> None:
    made, plain = module(CELLS["Elementwise"], compile=True), module(CELLS["Elementwise"])
    x, first = torch.randn(2, 4, 6, dtype=torch.float64), [torch.zeros(1, 2, 6)]
    torch.testing.assert_close(made.unroll(x, None, first)[0], plain.unroll(x, None, first)[0])


@pytest.mark.parametrize("batch", [1, 3])
def test_a_state_of_another_batch_is_not_read_past_its_end(batch: int) -> None:
    made = module(CELLS["Elementwise"], compile=True)
    with pytest.raises(RuntimeError):
        made.unroll(torch.randn(2, 4, 6), None, [torch.zeros(1, batch, 6)])


def test_who_follows_what_torch_does_sees_all_of_it() -> None:
    """Under fake tensors there is no memory; a mode sees every operation."""
    made = module(CELLS["PeepholeLSTM"], compile=True)
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert made(torch.empty(2, 4, 6)).shape == (2, 4, 6)
    seen = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(str(function))
            return function(*args, **(kwargs or {}))

    with Watch():
        made(torch.randn(2, 4, 6))
    assert any("sigmoid" in one for one in seen)


def test_the_environment_can_forbid_it(
    monkeypatch: pytest.MonkeyPatch, afresh: None, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setenv("GRADSPEC_COMPILE", "never")
    monkeypatch.setattr("builder.runtime.cells.compiled.c_compiler.subprocess.Popen", None)
    made, x = module(CELLS["PeepholeLSTM"], compile=True), torch.randn(2, 4, 6)
    assert torch.equal(made(x), module(CELLS["PeepholeLSTM"])(x))
    assert made.reason.endswith("Not compiled: The environment's GRADSPEC_COMPILE says `never`.")
    assert not recwarn.list


def test_a_step_of_too_many_operations_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, afresh: None
) -> None:
    monkeypatch.setattr(compiled_loops, "_MOST_OPERATIONS", 10)
    monkeypatch.setattr("builder.runtime.cells.compiled.c_compiler.subprocess.Popen", None)
    made = module(CELLS["PeepholeLSTM"], compile=True)
    with pytest.warns(
        Notice, match=r"A step is 25 operations in C, and 10 are compiled in little time\. The"
    ):
        assert "Not compiled: A step is 25 operations in C" in made.reason


@needs_compiler
def test_gradients_of_gradients() -> None:
    made, plain = module(CELLS["MGU"], compile=True), module(CELLS["MGU"])
    x = torch.randn(2, 4, 6)
    found = []
    for one in (made, plain):
        given = x.clone().requires_grad_()
        (first,) = torch.autograd.grad(one(given).sin().sum(), given, create_graph=True)
        found.append(torch.autograd.grad(first.square().sum(), given)[0])
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-5)


@needs_compiler
def test_what_is_no_number_stays_none() -> None:
    x = torch.randn(2, 4, 6)
    x[0, 1, 0] = torch.nan
    y = module(CELLS["PeepholeLSTM"], compile=True)(x)
    assert y[0, 1:].isnan().all()
    assert not y[0, 0].isnan().any()
    assert not y[1].isnan().any()


@needs_compiler
def test_a_module_can_be_copied_and_stored_and_copies_run() -> None:
    made = module(CELLS["PeepholeLSTM"], compile=True)
    x = torch.randn(2, 4, 6)
    before = made(x)
    assert torch.equal(copy.deepcopy(made)(x), before)
    assert torch.equal(pickle.loads(pickle.dumps(made))(x), before)


def test_without_a_compiler_it_runs_as_ever_and_says_why_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, afresh: None
) -> None:
    monkeypatch.setenv("CC", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    made, x = module(CELLS["PeepholeLSTM"], compile=True), torch.randn(2, 4, 6)
    with pytest.warns(Notice, match="No C compiler was found: .* The cell runs without, more slowly"):
        first = made(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = made(x)
    expected = module(CELLS["PeepholeLSTM"])(x)
    assert torch.equal(first, expected)
    assert torch.equal(second, expected)
    assert "Not compiled: No C compiler was found" in made.reason


def test_a_cell_without_a_loop_says_so() -> None:
    made = CellModule(CELLS["QRNN"], 6, 6, compile=True)
    assert made.reason.endswith("There is no loop to compile.")


# The functions one by one.

FEW = [0.0, -0.0, 1e-30, -1e-30, 1e-4, -1e-4, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 6.0, 19.9, 20.1, -20.0]
FAR = [-60.0, 60.0, 88.0, 89.5, -88.0, -104.5, 1e4, -1e4, torch.inf, -torch.inf, torch.nan]
ARITIES = {**FUNCTIONS, **OPERATORS, **INTERNAL, "addcmul": 3, "subcmul": 3, "lerp": 3}
del ARITIES["layer_norm"]
# torch does not say what these give for NaN, or for infinity times nothing.
FINITE = {"sign", "power", "lerp", "xlogy", "silu_backward", "gelu_backward", "gelu", "silu", "elu_backward"}


@pytest.fixture(scope="module")
def functions() -> Callable[..., Tensor]:
    """The functions of the header over arrays."""
    loop = next(r for r in compile_cell(CELLS["MGU"]).regions if isinstance(r, Loop))
    source = kernels(loop).source
    source = source[: source.index("void ")]
    for name, arity in ARITIES.items():
        given = ", ".join(f"const float *a{i}" for i in range(arity))
        values = ", ".join(f"a{i}[j]" for i in range(arity))
        source += f"void all_{name}(int64_t n, float *out, {given}) {{\n"
        source += f"    for (int64_t j = 0; j < n; j++) out[j] = f_{name}({values});\n}}\n"
    library = compiled(source)

    def call(name: str, *arguments: Tensor) -> Tensor:
        out = torch.empty_like(arguments[0])
        pointers = [ctypes.c_void_p(one.data_ptr()) for one in (out, *arguments)]
        library(f"all_{name}")(ctypes.c_int64(len(out)), *pointers)
        return out

    return call


@needs_compiler
@pytest.mark.parametrize("name", sorted(ARITIES))
def test_functions_as_torchs(functions: Callable[..., Tensor], name: str) -> None:
    numbers = FEW if name in FINITE or name.endswith("_backward") else [*FEW, *FAR]
    one = torch.tensor(numbers)
    arguments = [one]
    if ARITIES[name] > 1:
        arguments = [
            part.flatten().contiguous() for part in torch.meshgrid([one] * ARITIES[name], indexing="ij")
        ]
    found = functions(name, *arguments)
    double = [part.double() for part in arguments]
    expected = INTO[name](torch.empty_like(double[0]), *double).float()
    torch.testing.assert_close(found, expected, rtol=3e-6, atol=1e-6, equal_nan=True)


@needs_compiler
def test_the_exponential_is_right_to_its_last_places(functions: Callable[..., Tensor]) -> None:
    x = torch.linspace(-87, 88, 400_001)
    exact = x.double().exp()
    assert ((functions("exp", x).double() - exact) / exact).abs().max() < 1.5e-7
