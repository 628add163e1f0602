"""Options that several commands share: what is wrong usage is said before any work is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Run = Callable[..., Any]  # what `conftest.py` says that it gives


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train.epochs", "expected `key=value`, found `train.epochs`"),
        ("=3", "expected `key=value`, found `=3`"),
        ("layers[x]=3", "expected `key=value`"),
        ("train.epochs={", "expected"),
        ("train.epochs=???", "`???` is a place to fill, and `--set` fills places"),
        ("layers[1]={Linear: ???}", "`???` is a place to fill"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "train"])
def test_a_set_that_sets_nothing_is_wrong_usage(
    run: Run, tmp_path: Path, spec: Path, command: str, text: str, said: str
) -> None:
    out = ("--out", "run") if command == "train" else ()
    result = run(command, "small.yaml", *out, "--set", text)
    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr
    assert not (tmp_path / "run").exists()
    assert run("validate", "small.yaml", "--set", "train.epochs=many").returncode == 1  # the spec's matter


@pytest.mark.parametrize(
    "words",
    [
        ("train", "small.yaml"),
        ("train", "small.yaml", "--resume"),
        ("build", "small.yaml"),
        ("grade", str(ROOT / "specs/assignments/lenet-digits/assignment.yaml"), "."),
        ("demo",),
    ],
    ids=" ".join,
)
def test_a_folder_that_cannot_be_written_is_wrong_usage(
    run: Run, tmp_path: Path, spec: Path, words: tuple[str, ...]
) -> None:
    """Said at once, before anything is trained or graded."""
    written = spec.read_text(encoding="utf-8")
    for out, found in (
        ("small.yaml", "`small.yaml` is a file, and"),
        ("small.yaml/x", "`small.yaml` is a file, and"),
        ("/dev/null/x", "`/dev/null` is no folder, and"),
    ):
        result = run(*words, "--out", out)
        assert (result.returncode, result.stdout) == (2, "")
        assert f"'--out': {found} a folder is to be written." in result.stderr
    assert run(*words, "--out", "x" * 300).returncode == 2
    assert spec.read_text(encoding="utf-8") == written
