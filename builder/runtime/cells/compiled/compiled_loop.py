"""A planned loop's pointwise operations as compiled functions (``builder.cells.plan.kernels``) on tensors."""

from __future__ import annotations

import ctypes
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache, partial
from typing import Final, final

import torch
from torch import Tensor
from torch.nn import Parameter

from builder.cells.plan.kernels import Kernel, kernels
from builder.cells.plan.loop import Backward, Instruction, Loop
from builder.errors import Notice
from builder.runtime.cells.compiled.c_compiler import NotCompiled, compiled

_ITEM: Final = 4  # bytes of a number in single precision
_MOST: Final = 64  # loops held compiled
# Of a step, both ways. The shipped cells have up to 34; a hundred gates, of 300, take a compiler ten seconds.
_MOST_OPERATIONS: Final = 400


@final
class CompiledLoop:
    """A loop's steps, forwards and backwards, with kernels for its pointwise operations; and their functions."""

    def __init__(self, loop: Loop) -> None:
        made = kernels(loop)
        if made.operations > _MOST_OPERATIONS:
            raise NotCompiled(
                f"A step is {made.operations:,} operations in C, and {_MOST_OPERATIONS} are compiled in little time."
            )
        self.forward: Sequence[Instruction | Kernel] = made.forward
        self.backward: Sequence[Backward | Kernel] = made.backward
        of_name = compiled(made.source)
        both = (*made.forward, *made.backward)
        self._functions = {kernel.name: of_name(kernel.name) for kernel in both if isinstance(kernel, Kernel)}
        for function in self._functions.values():
            function.argtypes = (*[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 3)  # type: ignore[attr-defined]

    def function(self, kernel: Kernel) -> Callable[..., None]:
        """The kernel's function."""
        return self._functions[kernel.name]


@lru_cache(maxsize=_MOST)
def compiled_loop(loop: Loop) -> CompiledLoop | NotCompiled:
    """The loop compiled, or why it is not; tried once."""
    if os.environ.get("GRADSPEC_COMPILE") == "never":
        return NotCompiled("The environment's GRADSPEC_COMPILE says `never`.")
    try:
        return CompiledLoop(loop)
    except NotCompiled as error:
        _tell(f"{error} The cell runs without, more slowly.")
        return error


@cache
def _tell(sentence: str) -> None:
    """Says it once a process, however many cells it holds for."""
    warnings.warn(sentence, Notice, stacklevel=2)


def kernels_for(loop: Loop, tensors: Iterable[Tensor]) -> CompiledLoop | None:
    """The compiled loop, or None: for other tensors than plain floats, while torch traces, and if compiling failed."""
    traced = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    followed = torch._C._len_torch_dispatch_stack() or traced
    if followed or not all(map(_plain_floats, tensors)):
        return None
    compiled = compiled_loop(loop)
    return compiled if isinstance(compiled, CompiledLoop) else None


def _plain_floats(tensor: Tensor) -> bool:
    """Whether there are numbers in single precision at the tensor's address, and not only a promise of them."""
    return (
        type(tensor) in (Tensor, Parameter)
        and tensor.dtype == torch.float32
        and tensor.device.type == "cpu"
        and not tensor.is_neg()
    )


def bound(
    function: Callable[..., None], arrays: Sequence[Tensor], steps: int, like: Tensor
) -> Callable[..., Iterable[object]]:
    """The function on tensors T×N×H, or on vectors and single numbers, ``like`` being N×H.

    Called with (start, stop), and whether backwards, it works step by step as it is pulled. Arrays of less than
    ``steps`` steps have room for one stretch alone, which begins with the first.
    """
    n, h = like.shape
    whole = [_over_rows(array, n, h) for array in arrays]
    count = len(whole)
    pointers, lengths = ctypes.c_void_p * count, ctypes.c_int64 * count
    over = lengths(*(array.stride(0) if array.dim() == 3 else 0 for array in whole))
    row = lengths(*(array.stride(1) if array.dim() == 3 else 0 for array in whole))
    later = [array.dim() == 3 and len(array) == steps for array in whole]

    def run(start: int, stop: int, *, backwards: bool = False) -> Iterable[object]:
        begins = pointers(
            *(
                array.data_ptr() + (start * stride * _ITEM if moves else 0)
                for array, stride, moves in zip(whole, over, later, strict=True)
            )
        )
        call = partial(function, begins, over, row, n, h)
        times = range(stop - start)
        return map(call, times[::-1] if backwards else times)

    return run


def _over_rows(array: Tensor, n: int, h: int) -> Tensor:
    """The array with its numbers side by side along the hidden axis: a single one as often as it is read.

    Raises ``RuntimeError`` for one that is not as wide or as many: a kernel would read past its end.
    """
    if array.dim() < 3:
        return array.expand(h).contiguous()
    array = array.expand(-1, n, h)
    return array if array.stride(2) == 1 or h == 1 else array.contiguous()
