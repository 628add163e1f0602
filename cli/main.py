"""The command `gradspec`: which commands there are, and what a process says when it ends.

Exit codes: 0 right; 1 the input has errors; 2 wrong usage, a missing file too; 3 a fault of ours; 130 Ctrl-C.
A command's module imports what it needs inside its functions, so that naming one command loads only that.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import Annotated, Final

# pydantic would read every installed distribution's entry points in search of plugins; we use none.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
gc.set_threshold(50_000)  # what importing makes stays: looking through it again and again finds nothing

import typer  # noqa: E402

from builder.errors import GradspecError, SpecErrors  # noqa: E402
from cli import render  # noqa: E402

RIGHT: Final = 0
WRONG_INPUT: Final = 1
WRONG_USAGE: Final = 2
OUR_FAULT: Final = 3
INTERRUPTED: Final = 130

# Each command and the module that holds the function of its name, in the order of the help.
COMMANDS: Final = {
    "validate": "cli.reading",
    "shapes": "cli.reading",
    "build": "cli.running",
    "train": "cli.running",
    "evaluate": "cli.using",
    "predict": "cli.using",
    "export": "cli.using",
    "grade": "cli.grading",
    "check": "cli.grading",
    "layers": "cli.catalogue",
    "schema": "cli.catalogue",
    "demo": "cli.demo",
}

HELP: Final = """Neural networks as YAML: checked, explained, trained, proved as ONNX, and graded for a class.

\b
    gradspec demo                         the whole way, from a spec to a graded class
    gradspec validate model.yaml          what is wrong with a spec, all at once
    gradspec shapes model.yaml            every layer's shape, with the arithmetic
    gradspec train model.yaml --out run   train it; the run folder holds everything
    gradspec layers Conv2d                the manual page of a layer
"""


def main() -> int:
    """Runs the command line and gives its exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal of another encoding
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except SpecErrors as errors:
        render.show(render.problems(errors), sys.stderr)
        return WRONG_INPUT
    except GradspecError as error:
        render.show(render.failure(error), sys.stderr)
        return WRONG_INPUT
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return RIGHT
    except Exception as fault:
        if isinstance(fault, OSError) and fault.filename is not None:  # a path that cannot be read or written
            about = GradspecError(f"{fault.filename}: {(fault.strerror or 'cannot be opened').lower()}")
            render.show(render.failure(about), sys.stderr)
            return WRONG_USAGE
        if os.environ.get("GRADSPEC_DEBUG"):
            raise
        render.show(_confession(fault), sys.stderr)
        return OUR_FAULT


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
        app.command(name)(getattr(import_module(COMMANDS[name]), name))
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


def _run(arguments: list[str]) -> int:
    """Runs one command in typer's own context: what it raises reaches ``main`` as it is."""
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


def _confession(fault: Exception) -> list[render.Line]:
    """A short sentence for a fault of ours, and where its traceback lies."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="gradspec-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exception(fault, file=file)
    first = str(fault).partition("\n")[0]
    return [
        (
            ("error", "This is a fault in gradspec, not in your input: "),
            ("", f"{type(fault).__name__}: {first}"),
        ),
        (("hint", f"The traceback is in {file.name}; with GRADSPEC_DEBUG=1 it is shown here."),),
    ]
