"""The commands of `gradspec` as typer knows them, and how one is run.

The listing of `cli/commands/` is the registry: `explain-prediction` is the function `explain_prediction` of
`explain_prediction.py`. Naming one command imports only its module; the order of the help is read from the
files' text.
"""

from __future__ import annotations

import re
import sys
import warnings
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Final, TextIO

import typer

from builder.errors import GradspecError, Notice
from cli.exits import RIGHT, WRONG_USAGE
from cli.view import render

_SHOWN: Final = warnings.showwarning

_FOLDER: Final = Path(__file__).with_name("commands")
_ORDER: Final = re.compile(r"\nORDER: Final = (\d+)\n")

HELP: Final = """Neural networks as YAML: checked, explained, trained, proved as ONNX, and graded for a class.

\b
    gradspec demo                         the whole way, from a spec to a graded class
    gradspec validate model.yaml          what is wrong with a spec, all at once
    gradspec shapes model.yaml            every layer's shape, with the arithmetic
    gradspec train model.yaml --out run   train it; the run folder holds everything
    gradspec layers Conv2d                the manual page of a layer
"""


def run(arguments: list[str]) -> int:
    """Runs one command in typer's own context: what it raises reaches ``main`` as it is."""
    warnings.showwarning = _noted
    command = typer.main.get_command(application(arguments[0] if arguments else None))
    try:
        with command.make_context("gradspec", [*arguments] or ["--help"]) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code if arguments else WRONG_USAGE
    except typer.TyperException as error:
        name = " ".join(["gradspec", *arguments[:1]]) if arguments[0] in _files() else "gradspec"
        render.show(
            render.failure(GradspecError(error.format_message(), f"See `{name} --help`.")), sys.stderr
        )
        return WRONG_USAGE
    return RIGHT


def _noted(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A notice of ours is its sentence; any other warning is shown as Python shows it, with its place."""
    if issubclass(category, Notice):
        render.show([(("advice", "note: "), ("", str(message)))], sys.stderr)
    else:
        _SHOWN(message, category, filename, lineno, file, line)


def application(named: str | None = None) -> typer.Typer:
    """The typer application, with the one command that was named, or with all of them."""
    app = typer.Typer(
        name="gradspec",
        help=HELP,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in [named] if named in _files() else commands():
        function = name.replace("-", "_")
        app.command(name)(getattr(import_module(f"cli.commands.{function}"), function))
    return app


def commands() -> list[str]:
    """The names of all commands, in the order of the help: by the ``ORDER`` in each file's text."""
    return sorted(_files(), key=_order)


@cache
def _files() -> dict[str, Path]:
    """Each command's name and its file."""
    paths = sorted(_FOLDER.glob("*.py"))
    return {path.stem.replace("_", "-"): path for path in paths if path.stem != "__init__"}


def _order(name: str) -> int:
    """The number in a command's file."""
    number = _ORDER.search(_files()[name].read_text(encoding="utf-8"))
    assert number is not None, f"cli/commands/{_files()[name].name} has no line `ORDER: Final = …`"
    return int(number[1])


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=lambda on: _version(on))
    ] = False,
) -> None:
    pass


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"gradspec {version('gradspec')}")
        raise typer.Exit
