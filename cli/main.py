"""The command `gradspec`: what a process does first, and what it says when it ends.

Exit codes: 0 right; 1 the input has errors; 2 wrong usage, a missing file too; 3 a fault of ours; 130 Ctrl-C.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from pathlib import Path

# pydantic would read every installed distribution's entry points in search of plugins; we use none.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
gc.set_threshold(50_000)  # what importing makes stays: looking through it again and again finds nothing


@atexit.register
def _freeze() -> None:
    """Lets what is left at the end go with the process, without a last look.

    Not beside torch: modules that it loads (triton's, by nanobind) report on stderr what the last look did not free.
    """
    if "torch" not in sys.modules:
        gc.freeze()


from builder.errors import GradspecError, SpecErrors  # noqa: E402
from cli.exits import INTERRUPTED, OUR_FAULT, RIGHT, WRONG_INPUT, WRONG_USAGE  # noqa: E402
from cli.view import render  # noqa: E402


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


def _run(arguments: list[str]) -> int:
    """Runs one command.

    `gradspec validate FILE…`, which an editor may call at every save, goes straight to its work: reading
    options takes typer longer to import than the work takes.
    """
    match arguments:
        case ["validate", *files] if files and all(map(_is_plain, files)):
            from cli.view.verdict import judge

            return RIGHT if judge([Path(file) for file in files]) else WRONG_INPUT
    from cli.application import run

    return run(arguments)


def _is_plain(word: str) -> bool:
    """Whether a word is no option, and names something that can be read."""
    return not word.startswith("-") and os.access(word, os.R_OK)


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
