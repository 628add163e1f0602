"""The commands there are: the listing of their folder, in the order that their files say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from cli.application import commands

ROOT = Path(__file__).parents[2]
Run = Callable[..., Any]  # what `conftest.py` says that it gives


def test_version(run: Run) -> None:
    result = run("--version")
    assert (result.returncode, result.stdout) == (0, f"gradspec {version('gradspec')}\n")


def test_help_names_every_command_and_each_teaches_by_example(run: Run) -> None:
    result = run("--help")
    assert result.returncode == 0
    for command in commands():
        assert f"  {command} " in result.stdout
        page = run(command, "--help")
        assert page.returncode == 0
        assert f"    gradspec {command}" in page.stdout
        assert max(map(len, page.stdout.splitlines())) <= 80


def test_the_listing_is_the_registry() -> None:
    files = {path.stem for path in (ROOT / "cli" / "commands").glob("*.py")} - {"__init__"}
    assert {name.replace("-", "_") for name in commands()} == files


def test_the_help_has_the_order_that_the_files_say(run: Run) -> None:
    orders = {name: import_module(f"cli.commands.{name.replace('-', '_')}").ORDER for name in commands()}
    assert list(orders) == sorted(orders, key=orders.__getitem__)
    assert len(set(orders.values())) == len(orders)
    listed = re.findall(r"^  ([a-z][a-z-]*)  ", run("--help").stdout.split("Commands:")[1], re.MULTILINE)
    assert listed == commands()


@pytest.mark.parametrize("name", ["explain_prediction", "--init--", "__init__", "../main", "cli.main"])
def test_only_a_commands_name_is_one(run: Run, name: str) -> None:
    result = run(name)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"{name}" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["schema", "explain-prediction"])
def test_naming_a_command_imports_only_its_module(name: str) -> None:
    code = (
        "import sys; from cli.main import main; assert main() == 0\n"
        "print([m for m in sys.modules if m.startswith('cli.commands.')], file=sys.stderr)"
    )
    words = [sys.executable, "-c", code, name, "--help"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stderr == f"['cli.commands.{name.replace('-', '_')}']\n"
