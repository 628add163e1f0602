"""The command `demo`: the whole way, from a spec with mistakes to a graded class, on shipped files."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import typer

from cli.commands import export, grade, shapes, train, validate
from cli.options import Out
from cli.view import render
from cli.view.tables import why_lines

ORDER: Final = 170
SHIPPED: Final = ("demo/three_mistakes.yaml", "models/lenet5.yaml", "assignments/lenet-digits")
NOTHING_HANDED_IN: Final = (
    "lenet-digits/class/hopper"  # an empty folder, which neither git nor a wheel can hold
)


def demo(
    out: Out = Path("gradspec-demo"),
) -> None:
    """Show the whole way: from a YAML spec to a graded class, on real handwritten digits.

    Validates a spec with three mistakes, prints LeNet's shapes with the arithmetic, trains it, proves its
    ONNX file, and grades a class. Everything is shipped: nothing is downloaded. Takes a minute or two.

    \b
        gradspec demo
        gradspec demo --out somewhere
    """
    from builder.errors import RunError

    if out.is_dir() and any(out.iterdir()):
        raise RunError(f"`{out}` is not empty.", "Choose another folder with `--out`, or remove it.")
    start = time.monotonic()
    _copy(out)
    mistakes, lenet, run = out / "three_mistakes.yaml", out / "lenet5.yaml", out / "run"
    folder = out / "lenet-digits"
    assignment, class_, grades = folder / "assignment.yaml", folder / "class", out / "grades"
    onnx = out / "lenet5.onnx"

    _step("A spec with three mistakes: all are found at once", "validate", mistakes)
    _expecting_errors(lambda: validate.validate([mistakes]))
    _step("LeNet-5: every shape, with the arithmetic", "shapes", lenet)
    shapes.shapes(lenet)
    _step("Training it on 1,797 handwritten digits", "train", lenet, "--out", run)
    train.train(lenet, run)
    _step("Its ONNX file, proved equal before it is written", "export", run, "--out", onnx)
    export.export(run, onnx)
    _step("Grading a class", "grade", assignment, class_, "--out", grades)
    grade.grade(assignment, class_, grades)

    render.show([(), (("title", "Why, in each student's feedback page and in short"),), ()])
    render.show(why_lines(json.loads((grades / "results.json").read_text(encoding="utf-8"))))

    seconds = time.monotonic() - start
    render.show([(), (("good", f"Done in {seconds:.0f} seconds. "), ("", "To look at:"))])
    for path, content in (
        (run, "the run: spec, weights, ONNX, metrics, checkpoint"),
        (grades / "grades.csv", "the grades"),
        (grades / "feedback", "a page for every student"),
        (assignment, "the assignment; change it and grade again"),
    ):
        render.show([(("place", f"  {path}"),), (("dim", f"      {content}"),)])


def _copy(out: Path) -> None:
    """Puts what the demo needs into its folder."""
    out.mkdir(parents=True, exist_ok=True)
    for name in SHIPPED:
        with as_file(files("specs") / name) as source:
            target = out / source.name
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copyfile(source, target)
    (out / NOTHING_HANDED_IN).mkdir(exist_ok=True)


def _step(title: str, *words: str | Path) -> None:
    """A heading, and the command that does the same."""
    command = shlex.join(["gradspec", *map(str, words)])
    render.show([(), (("title", title),), (("dim", f"$ {command}"),), ()])


def _expecting_errors(command: Callable[[], None]) -> None:
    """Runs a command that is meant to find errors."""
    try:
        command()
    except typer.Exit as end:
        if end.exit_code == 1:
            return
    raise AssertionError("the demo's spec has mistakes, and none was found")
