"""What a process's exit code says."""

from __future__ import annotations

from typing import Final

RIGHT: Final = 0
WRONG_INPUT: Final = 1
WRONG_USAGE: Final = 2
OUR_FAULT: Final = 3
INTERRUPTED: Final = 130
