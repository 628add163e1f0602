"""The commands of `gradspec` as typer knows them, and how one is run.

A command's module imports what it needs inside its functions, so that naming one command loads only that.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from typing import Annotated, Final, TextIO

import typer

from builder.errors import GradspecError, Notice
from cli.exits import RIGHT, WRONG_USAGE
from cli.view import render

_SHOWN: Final = warnings.showwarning

# Each command and the module that holds the function of its name (- is _ there), in the order of the help.
COMMANDS: Final = {
    "validate": "cli.commands.shapes",
    "shapes": "cli.commands.shapes",
    "explain": "cli.commands.explain",
    "build": "cli.commands.train",
    "train": "cli.commands.train",
    "evaluate": "cli.commands.evaluate",
    "predict": "cli.commands.evaluate",
    "explain-prediction": "cli.commands.explain_prediction",
    "export": "cli.commands.evaluate",
    "sample": "cli.commands.sample",
    "gradients": "cli.commands.gradients",
    "attack": "cli.commands.attack",
    "grade": "cli.commands.grade",
    "check": "cli.commands.grade",
    "layers": "cli.commands.layers",
    "schema": "cli.commands.layers",
    "demo": "cli.commands.demo",
}

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
        name = " ".join(["gradspec", *arguments[:1]]) if arguments[0] in COMMANDS else "gradspec"
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
    for name in [named] if named in COMMANDS else COMMANDS:
        app.command(name)(getattr(import_module(COMMANDS[name]), name.replace("-", "_")))
    return app


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
