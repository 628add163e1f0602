"""C source as functions: compiled once a process by the machine's own compiler."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

_COMPILERS: Final = ("cc", "gcc", "clang")
# Neither errno nor floating-point traps are read; NaN and infinity keep their meaning.
_OPTIONS: Final = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared", "-w", "-x", "c", "-")
_SECONDS: Final = 20.0  # for one source, by the clock


class NotCompiled(Exception):
    """Why there is no function: a sentence."""


def compiler() -> tuple[str, ...]:
    """The C compiler's command: that of the environment's ``CC``, arguments and all, or the first found.

    Raises ``NotCompiled`` if there is none.
    """
    asked = os.environ.get("CC", "").strip()
    for command in ([asked], _words(asked)) if asked else ([name] for name in _COMPILERS):
        if path := shutil.which(command[0]):
            return (path, *command[1:])
    names = f"`{_words(asked)[0]}` (as CC says)" if asked else ", ".join(f"`{name}`" for name in _COMPILERS)
    raise NotCompiled(f"No C compiler was found: looked for {names}.")


def _words(command: str) -> list[str]:
    """A command and its arguments; as one word where a quotation is not closed."""
    try:
        return shlex.split(command) or [command]
    except ValueError:
        return [command]


def compiled(source: str) -> Callable[[str], Callable[..., None]]:
    """The functions of a C source by their names.

    For this very processor, where the compiler knows how. Tried once a process. Raises ``NotCompiled`` if there is
    no compiler, if it fails or takes long, and if what it makes cannot be loaded; and for a name that is no
    function's.
    """
    library = _library(source)
    if isinstance(library, NotCompiled):
        raise NotCompiled(*library.args)

    def function(name: str) -> Callable[..., None]:
        try:
            made = library[name]
        except AttributeError as error:
            raise NotCompiled(f"The compiled cell has no function `{name}`.") from error
        made.restype = None
        return made

    return function


@lru_cache(maxsize=64)
def _library(source: str) -> ctypes.CDLL | NotCompiled:
    """What a source becomes; a failure too is kept, for a compiler that hangs would do so for every copy of a cell."""
    try:
        command = compiler()
        # Loaded, a library needs its file no longer (Windows keeps it).
        with tempfile.TemporaryDirectory(prefix="gradspec-", ignore_cleanup_errors=True) as folder:
            library = Path(folder) / ("cell.dll" if sys.platform == "win32" else "cell.so")
            _compile(command, source, library)
            return ctypes.CDLL(str(library))
    except NotCompiled as error:
        return error
    except OSError as error:
        return NotCompiled(f"What the compiler makes could not be stored or loaded: {error}.")


def _compile(command: tuple[str, ...], source: str, library: Path) -> None:
    """Makes the library; without this processor's own instructions if the compiler knows none."""
    end = time.monotonic() + _SECONDS
    for native in (["-march=native"], []):
        said = _run([*command, *native, "-o", str(library), *_OPTIONS, "-lm"], source, end - time.monotonic())
        if said is None:
            return
    raise NotCompiled(f"`{command[0]}` could not compile the cell: {said}.")


def _run(command: list[str], source: str, seconds: float) -> str | None:
    """Runs a compiler on a source; what it said if it failed. Raises ``NotCompiled`` for one that takes longer."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise NotCompiled(f"`{command[0]}` could not be run: {error}.") from error
    with process:
        try:
            _, errors = process.communicate(source, timeout=max(0.0, seconds))
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise NotCompiled(f"`{command[0]}` took longer than {_SECONDS:g} seconds.") from error
        except BaseException:
            _end(process)
            raise
    if process.returncode == 0:
        return None
    lines = errors.strip().splitlines() or [f"it ended with {process.returncode}"]
    return next((line for line in lines if "error" in line), lines[0]).rstrip(".")


def _end(process: subprocess.Popen[str]) -> None:
    """Ends a compiler with the processes that it started: `cc` itself only calls others."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
