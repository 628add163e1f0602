"""Whether recurrent layers may be followed to placeholders, which ``export`` fills in afterwards.

By default it is not allowed: a network that a user passes to ``torch.onnx.export`` gives standard operators alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_ALLOWED: Final = ContextVar("_ALLOWED", default=False)


def placeholders_allowed() -> bool:
    """Whether the caller is inside ``placeholders()``."""
    return _ALLOWED.get()


@contextmanager
def placeholders() -> Iterator[None]:
    """Within the context, ``placeholders_allowed()`` is True."""
    before = _ALLOWED.set(True)
    try:
        yield
    finally:
        _ALLOWED.reset(before)
