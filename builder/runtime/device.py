"""Where a run computes: the device that its spec asks for, and how many threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from builder.errors import RunError


def chosen_device(wanted: str) -> torch.device:
    """The device of ``auto``, ``cpu`` or ``cuda``. Raises ``RunError`` where there is none."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise RunError("`device: cuda` is asked for, and torch finds none here.", "Write `device: auto`.")
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Runs with so many threads, and goes back to the caller's."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
