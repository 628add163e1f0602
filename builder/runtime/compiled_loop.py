"""A planned loop's pointwise operations as compiled functions (``builder.loop_kernels``) on tensors."""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache, partial
from typing import Final, final

import torch
from torch import Tensor

from builder.errors import Notice
from builder.loop import Backward, Instruction, Loop
from builder.loop_kernels import Kernel, kernels
from builder.runtime.c_compiler import NotCompiled, compiled

_ITEM: Final = 4  # bytes of a number in single precision
_MOST: Final = 64  # loops held compiled


@final
class CompiledLoop:
    """A loop's steps, forwards and backwards, with kernels for its pointwise operations; and their functions."""

    def __init__(self, loop: Loop) -> None:
        made = kernels(loop)
        self.forward: Sequence[Instruction | Kernel] = made.forward
        self.backward: Sequence[Backward | Kernel] = made.backward
        of_name = compiled(made.source)
        both = (*made.forward, *made.backward)
        self._functions = {one.name: of_name(one.name) for one in both if isinstance(one, Kernel)}
        for function in self._functions.values():
            function.argtypes = (*[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 3)  # type: ignore[attr-defined]

    def function(self, kernel: Kernel) -> Callable[..., None]:
        """The kernel's function."""
        return self._functions[kernel.name]


@lru_cache(maxsize=_MOST)
def compiled_loop(loop: Loop) -> CompiledLoop | NotCompiled:
    """The loop compiled, or why it is not; tried once."""
    try:
        return CompiledLoop(loop)
    except NotCompiled as error:
        _tell(f"{error} The cell runs without, more slowly.")
        return error


@cache
def _tell(sentence: str) -> None:
    """Says it once a process, however many cells it holds for."""
    warnings.warn(sentence, Notice, stacklevel=2)


def kernels_for(loop: Loop, like: Tensor) -> CompiledLoop | None:
    """The loop compiled, if that works on such tensors (in single precision, on a processor) and can be had."""
    if like.dtype != torch.float32 or like.device.type != "cpu":
        return None
    found = compiled_loop(loop)
    return found if isinstance(found, CompiledLoop) else None


def bound(
    function: Callable[..., None], arrays: Sequence[Tensor], steps: int, like: Tensor
) -> Callable[..., Iterable[object]]:
    """The function on tensors T×N×H, or on vectors and single numbers, ``like`` being N×H.

    Called with (start, stop), and whether backwards, it works step by step as it is pulled. Arrays of less than
    ``steps`` steps have room for one stretch alone, which begins with the first.
    """
    n, h = like.shape
    whole = [_over_rows(one, h) for one in arrays]
    count = len(whole)
    pointers, lengths = ctypes.c_void_p * count, ctypes.c_int64 * count
    over = lengths(*(one.stride(0) if one.dim() == 3 else 0 for one in whole))
    row = lengths(*(one.stride(1) if one.dim() == 3 else 0 for one in whole))
    later = [one.dim() == 3 and len(one) == steps for one in whole]

    def run(start: int, stop: int, *, backwards: bool = False) -> Iterable[object]:
        begins = pointers(
            *(
                one.data_ptr() + (start * stride * _ITEM if moves else 0)
                for one, stride, moves in zip(whole, over, later, strict=True)
            )
        )
        call = partial(function, begins, over, row, n, h)
        times = range(stop - start)
        return map(call, times[::-1] if backwards else times)

    return run


def _over_rows(array: Tensor, size: int) -> Tensor:
    """The array with its numbers side by side along the hidden axis: a single one as often as it is read."""
    if array.dim() < 3:
        return array.expand(size).contiguous()
    return array if array.stride(2) == 1 or size == 1 else array.contiguous()
