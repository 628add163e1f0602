"""C source as functions: compiled once a process by the machine's own compiler."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

_COMPILERS: Final = ("cc", "gcc", "clang")
# Neither errno nor floating-point traps are read; NaN and infinity keep their meaning.
_OPTIONS: Final = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared", "-w", "-x", "c", "-")
_SECONDS: Final = 60


class NotCompiled(Exception):
    """Why there is no function: a sentence."""


def compiler() -> tuple[str, ...]:
    """The C compiler's command: that of the environment's ``CC``, or the first found.

    Raises ``NotCompiled`` if there is none.
    """
    asked = shlex.split(os.environ.get("CC", ""))
    for command in [asked] if asked else [[name] for name in _COMPILERS]:
        if found := shutil.which(command[0]):
            return (found, *command[1:])
    names = f"`{asked[0]}` (as CC says)" if asked else ", ".join(f"`{name}`" for name in _COMPILERS)
    raise NotCompiled(f"No C compiler was found: looked for {names}.")


@lru_cache(maxsize=64)
def compiled(source: str) -> Callable[[str], Callable[..., None]]:
    """The functions of a C source by their names.

    For this very processor, where the compiler knows how. Raises ``NotCompiled`` if there is no compiler or it
    fails.
    """
    command = compiler()
    # Loaded, a library needs its file no longer (Windows keeps it).
    with tempfile.TemporaryDirectory(prefix="gradspec-", ignore_cleanup_errors=True) as folder:
        library = Path(folder) / ("cell.dll" if sys.platform == "win32" else "cell.so")
        said = _run([*command, "-march=native", "-o", str(library), *_OPTIONS, "-lm"], source)
        if said is not None:
            said = _run([*command, "-o", str(library), *_OPTIONS, "-lm"], source)
        if said is not None:
            raise NotCompiled(f"`{command[0]}` could not compile the cell: {said}")
        try:
            found = ctypes.CDLL(str(library))
        except OSError as error:
            raise NotCompiled(f"What `{command[0]}` made could not be loaded: {error}") from error

    def function(name: str) -> Callable[..., None]:
        made = found[name]
        made.restype = None
        return made

    return function


def _run(command: list[str], source: str) -> str | None:
    """Runs a compiler on a source; what it said if it failed."""
    try:
        done = subprocess.run(
            command, input=source, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[0]
