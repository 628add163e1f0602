"""The machine's own C compiler."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from builder.runtime.c_compiler import NotCompiled, compiled, compiler

SQUARE = "void square(float *a) { a[0] = a[0] * a[0]; }"


def _there() -> bool:
    try:
        compiler()
    except NotCompiled:
        return False
    return True


needs_compiler = pytest.mark.skipif(not _there(), reason="no C compiler here")


def test_the_environment_names_a_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = tmp_path / "my-cc"
    mine.write_text("#!/bin/sh\nexit 0\n")
    mine.chmod(0o755)
    monkeypatch.setenv("CC", f"{mine} -m64")
    assert compiler() == (str(mine), "-m64")


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("no-such-cc -O2", "No C compiler was found: looked for `no-such-cc` (as CC says)."),
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


def test_a_compiler_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho 'out of patience' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    with pytest.raises(NotCompiled, match="could not compile the cell: out of patience"):
        compiled("void nothing(void) {}  /* by a broken compiler */")


def test_one_without_this_processor_s_own_instructions_will_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if not _there():
        pytest.skip("no C compiler here")
    (real,) = compiler()[:1]
    old = tmp_path / "old-cc"
    old.write_text(
        f'#!/bin/sh\nfor a in "$@"; do [ "$a" = -march=native ] && exit 1; done\nexec {real} "$@"\n'
    )
    old.chmod(0o755)
    monkeypatch.setenv("CC", str(old))
    numbers = (ctypes.c_float * 1)(3.0)
    compiled(f"{SQUARE}  /* by an old compiler */")("square")(numbers)
    assert list(numbers) == [9.0]


@needs_compiler
def test_functions_by_name() -> None:
    numbers = (ctypes.c_float * 1)(-1.5)
    compiled(SQUARE)("square")(numbers)
    assert list(numbers) == [2.25]
