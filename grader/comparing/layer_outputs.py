"""The outputs of a network's layers, caught while it runs. Inside a worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


def watched(module: nn.Module, watch: Callable[[Tensor], object]) -> None:
    """Shows ``watch`` the module's output whenever it runs.

    A recurrent module runs by ``unroll`` alone where its states are read: no hook is called then.
    """
    running = False

    def begins(module: nn.Module, given: object) -> None:
        nonlocal running
        running = True

    def ends(module: nn.Module, given: object, output: Tensor) -> None:
        nonlocal running
        running = False
        watch(output)

    module.register_forward_pre_hook(begins)
    module.register_forward_hook(ends)
    unroll: Callable[..., tuple[Tensor, Any]] | None = getattr(module, "unroll", None)
    if unroll is None:
        return

    def seen(*given: Any, **named: Any) -> tuple[Tensor, Any]:
        output, states = unroll(*given, **named)
        if not running:
            watch(output)
        return output, states

    vars(module)["unroll"] = seen  # an instance's own name comes before its class's
