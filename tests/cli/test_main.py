"""What a process of the command says when it ends, on which stream, and with which exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cli.main

ROOT = Path(__file__).parents[2]
GRADSPEC = [sys.executable, "-c", "import sys; from cli.main import main; sys.exit(main())"]
Run = Callable[..., Any]  # what `conftest.py` says that it gives


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), ""),
        (("vaildate", "x"), "vaildate"),
        (("validate",), "SPEC"),
        (("validate", "missing.yaml"), "missing.yaml"),
        (("shapes", "missing.yaml"), "missing.yaml"),
        (("train", "missing.yaml", "--out", "run"), "missing.yaml"),
        (("evaluate", "missing"), "missing"),
        (("grade", "missing.yaml", "missing", "--out", "x"), "missing.yaml"),
        (("layers", "--kind", "nonsense"), "nonsense"),
        (("validate", "--nonsense"), "nonsense"),
    ],
)
def test_wrong_usage_is_2(run: Run, arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_plain_words_and_options_lead_to_the_same_answer(run: Run, spec: Path, mistakes: Path) -> None:
    """`validate FILE…` goes past typer; `--` is an option, and goes through it."""
    for path in (spec, mistakes):
        assert run("validate", path.name) == run("validate", "--", path.name)
        assert run("validate", path.name, path.name) == run("validate", "--", path.name, path.name)


def test_plain_validate_imports_no_parser_of_options(spec: Path) -> None:
    code = (  # pydantic imports importlib.metadata, which imports json from Python 3.13 on
        "import sys, importlib.metadata; theirs = {*sys.modules}\n"
        "from cli.main import main; assert main() == 0\n"
        "heavy = {'typer', 'click', 'rich', 'json', 'numpy', 'torch'} & ({*sys.modules} - theirs)\n"
        "assert not heavy, heavy"
    )
    subprocess.run(
        [sys.executable, "-c", code, "validate", str(spec)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
        timeout=60,
    )


def test_validate_imports_only_what_the_spec_names(spec: Path) -> None:
    code = (
        "import sys; from cli.main import main; assert main() == 0\n"
        "named = {m.removeprefix('builder.training.') for m in sys.modules if '.training.' in m}\n"
        "assert named == set('section losses losses.loss losses.classification metrics metrics.metric "
        "metrics.classification optimizers optimizers.optimizer optimizers.adam schedulers "
        "schedulers.scheduler'.split()), named"
    )
    subprocess.run(
        [sys.executable, "-c", code, "validate", str(spec)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
        timeout=60,
    )


def test_a_fault_of_ours_is_3_and_no_traceback_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], spec: Path
) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.delenv("GRADSPEC_DEBUG", raising=False)
    monkeypatch.setattr("cli.view.verdict.load", fault)
    monkeypatch.setattr(sys, "argv", ["gradspec", "validate", str(spec)])
    assert cli.main.main() == 3
    stderr = capsys.readouterr().err
    assert "fault in gradspec" in stderr
    assert "Traceback" not in stderr
    written = Path(stderr.split("traceback is in ")[1].split(";")[0])
    assert "ZeroDivisionError: ours" in written.read_text(encoding="utf-8")
    written.unlink()
    monkeypatch.setenv("GRADSPEC_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main.main()


def test_a_reader_that_leaves_is_no_fault(tmp_path: Path) -> None:
    piped = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$@" layers | true', "bash", *GRADSPEC],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (piped.returncode, piped.stderr) == (0, "")
