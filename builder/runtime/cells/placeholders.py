"""Whether recurrent layers may be followed to placeholders, which ``export`` fills in afterwards.

Only there: a network that is handed to ``torch.onnx.export`` by others must give what everyone can read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_ALLOWED: Final = ContextVar("_ALLOWED", default=False)


def placeholders_allowed() -> bool:
    """Whether someone stands ready to fill them in."""
    return _ALLOWED.get()


@contextmanager
def placeholders() -> Iterator[None]:
    """Within, layers give placeholders."""
    before = _ALLOWED.set(True)
    try:
        yield
    finally:
        _ALLOWED.reset(before)
