"""The machine's own C compiler."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from builder.runtime.cells.compiled.c_compiler import NotCompiled, compiled, compiler

SQUARE = "void square(float *a) { a[0] = a[0] * a[0]; }"


def script(path: Path, line: str) -> str:
    """A command of one line of shell."""
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return str(path)


needs_compiler = pytest.mark.usefixtures("c_compiler")


def test_the_environment_names_a_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = script(tmp_path / "my-cc", "exit 0")
    monkeypatch.setenv("CC", f"{mine} -m64")
    assert compiler() == (mine, "-m64")


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("no-such-cc -O2", "No C compiler was found: looked for `no-such-cc` (as CC says)."),
        ("'no-such-cc", "No C compiler was found: looked for `'no-such-cc` (as CC says)."),
        ("''", "No C compiler was found: looked for `` (as CC says)."),
        ("", "No C compiler was found: looked for `cc`, `gcc`, `clang`."),
    ],
)
def test_no_compiler_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: str, problem: str
) -> None:
    monkeypatch.setenv("CC", asked)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotCompiled) as caught:
        compiler()
    assert str(caught.value) == problem


def test_a_compiler_may_stand_in_a_folder_with_blanks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "my tools"
    folder.mkdir()
    mine = script(folder / "cc", "exit 0")
    monkeypatch.setenv("CC", mine)
    assert compiler() == (mine,)
    monkeypatch.setenv("CC", f"'{mine}' -m64")
    assert compiler() == (mine, "-m64")


def test_a_compiler_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = "echo 'In function f:' >&2; printf 'x.c:1: error: out of patience \\351\n' >&2; exit 1"
    monkeypatch.setenv("CC", script(tmp_path / "cc", said))
    with pytest.raises(NotCompiled, match=r"could not compile the cell: x.c:1: error: out of patience .\.$"):
        compiled("void nothing(void) {}  /* by a broken compiler */")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
@pytest.mark.timeout(60)  # what a compiler or a child that lives on looks like
def test_a_compiler_that_hangs_is_ended_with_its_children(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    ends: list[int] = []

    class Started(subprocess.Popen[str]):
        """The limit begins to count once the compiler's child is there."""

        def communicate(self, *given: Any, **named: Any) -> tuple[str, str]:
            if not ends:
                ends.append(os.open(held, os.O_RDONLY))  # waits until the child opens its end
            return super().communicate(*given, **named)

    monkeypatch.setattr("subprocess.Popen", Started)
    monkeypatch.setattr("builder.runtime.cells.compiled.c_compiler._SECONDS", 0.5)
    monkeypatch.setenv("CC", script(tmp_path / "cc", f"sleep 300 > '{held}' & wait"))
    with pytest.raises(NotCompiled, match=r"took longer than 0.5 seconds"):
        compiled("void nothing(void) {}  /* by a slow compiler */")
    (end,) = ends
    assert os.read(end, 1) == b""  # waits while a child holds the other end
    os.close(end)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("exit 0", "could not be stored or loaded"),  # it says that it made something
        ('while [ "$1" != -o ]; do shift; done; echo nonsense > "$2"', "could not be stored or loaded"),
    ],
)
def test_what_is_no_library_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, problem: str
) -> None:
    monkeypatch.setenv("CC", script(tmp_path / "cc", line))
    with pytest.raises(NotCompiled, match=problem):
        compiled(f"void nothing(void) {{}}  /* {line[0]} */")


@needs_compiler
def test_no_room_for_temporary_files_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    source = "void nothing(void) {}  /* and no place to put it */"
    with pytest.raises(NotCompiled, match="could not be stored or loaded"):
        compiled(source)
    monkeypatch.setattr("subprocess.Popen", None)  # it is not tried again
    with pytest.raises(NotCompiled, match="could not be stored or loaded"):
        compiled(source)


@needs_compiler
def test_a_function_that_is_not_there_is_told() -> None:
    with pytest.raises(NotCompiled, match="has no function `cube`"):
        compiled(SQUARE)("cube")


@needs_compiler
def test_one_without_this_processor_s_own_instructions_will_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (real,) = compiler()[:1]
    line = f'for a in "$@"; do [ "$a" = -march=native ] && exit 1; done; exec {real} "$@"'
    monkeypatch.setenv("CC", script(tmp_path / "old-cc", line))
    numbers = (ctypes.c_float * 1)(3.0)
    compiled(f"{SQUARE}  /* by an old compiler */")("square")(numbers)
    assert list(numbers) == [9.0]


@needs_compiler
def test_functions_by_name() -> None:
    numbers = (ctypes.c_float * 1)(-1.5)
    compiled(SQUARE)("square")(numbers)
    assert list(numbers) == [2.25]
