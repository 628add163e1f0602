"""The rooms of the house: which file may import which, read from the text of every file."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("builder", "grader", "cli", "gradspec", "specs")
HEAVY = ("torch", "torchvision", "onnx", "onnxruntime", "onnxscript", "kornia")

# From the bottom up: the files of a room import from their own room and from those before it. A room is a folder with
# everything in it, or a file. `builder`, `builder.runtime` and `grader` stand for their `__init__`: the public names.
FLOORS = """
    builder.errors builder.shapes builder.language builder.component builder.fields builder.reader builder.files
    builder.data builder.attributions builder.robustness builder.training builder.games builder.layers builder.cells
    builder.spec builder.elaborate builder.load builder.explanation builder.schema builder
    builder.runtime.device builder.runtime.network builder.runtime.cells builder.runtime.data builder.runtime.runs
    builder.runtime.export builder.runtime.attacks builder.runtime.training builder.runtime.games builder.runtime.text
    builder.runtime.evaluate builder.runtime.train builder.runtime.insight builder.runtime
    grader.outcome grader.outline grader.exchange grader.submission grader.check grader.assignment grader.comparing
    grader.running grader.gradients grader.answering grader.checks grader.worker grader.results grader.marking grader
    specs cli.exits cli.view cli.options cli.commands cli.application cli.main cli gradspec
""".split()

# A function of a component may import from `builder.runtime`, above it, inside: it runs once a spec is built.
DOORS = (
    "builder.attributions",
    "builder.cells",
    "builder.data",
    "builder.games",
    "builder.layers",
    "builder.robustness",
)


class Import(NamedTuple):
    """One import: the module that is read, the line, and whether a function's body holds it."""

    module: str
    line: int
    in_function: bool


def _modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()
FOLDERS = sorted({path.parent for path in MODULES.values() if path.name == "__init__.py"})


def _room(module: str) -> str:
    """The room of a module: the longest name in ``FLOORS`` that it lies in."""
    return max((room for room in FLOORS if _within(module, room)), key=len)


def _floor(module: str) -> int:
    return FLOORS.index(_room(module))


def _runs_later(node: ast.AST) -> bool:
    """Whether importing a module leaves this out: a function's body, and what only a type checker reads."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _imports(tree: ast.AST, *, top: bool = False, in_function: bool = False) -> Iterator[Import]:
    """Every import; with ``top`` only those that importing the module itself runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, in_function) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written out in full"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield Import(inner if inner in MODULES else str(node.module), node.lineno, in_function)
        elif not (top and _runs_later(node)):
            inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _imports(node, top=top, in_function=inside)


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def _within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _through_a_door(module: str, read: Import) -> bool:
    return read.in_function and _within(read.module, "builder.runtime") and _room(module) in DOORS


def _ours(module: str) -> list[Import]:
    """The imports of a module from our own packages, in functions and for the type checker too, doors aside."""
    everything = _imports(_tree(module))
    return [read for read in everything if read.module in MODULES and not _through_a_door(module, read)]


@pytest.mark.parametrize("module", MODULES)
def test_every_file_has_a_floor(module: str) -> None:
    room = _room(module)
    assert room == module or room not in ("builder", "builder.runtime", "grader", "cli"), (
        f"put the room of {module} into FLOORS"
    )


@pytest.mark.parametrize("room", [room for room in FLOORS if room != "gradspec"])
def test_every_floor_has_a_room(room: str) -> None:
    assert room in MODULES


@pytest.mark.parametrize("module", MODULES)
def test_every_import_goes_down(module: str) -> None:
    up = [
        f"line {read.line}: {read.module}" for read in _ours(module) if _floor(read.module) > _floor(module)
    ]
    assert not up


def test_no_two_files_import_each_other() -> None:
    graph = {module: {read.module for read in _ours(module)} - {module} for module in MODULES}
    list(TopologicalSorter(graph).static_order())  # raises CycleError


@pytest.mark.parametrize("module", MODULES)
def test_only_the_command_line_renders(module: str) -> None:
    if not _within(module, "cli"):
        assert not [
            read for read in _imports(_tree(module)) if _within(read.module, "rich", "typer", "click")
        ]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_room_says_what_it_holds(folder: Path) -> None:
    assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))


@pytest.mark.parametrize("module", MODULES)
def test_torch_stays_in_its_folder(module: str) -> None:
    top = {read.module for read in _imports(_tree(module), top=True)}
    if not _within(module, "builder.runtime"):
        assert not [name for name in top if _within(name, *HEAVY, "builder.runtime")]
    assert not [name for name in top if _within(name, "kornia")]  # three seconds


@pytest.mark.parametrize("module", MODULES)
def test_nothing_of_a_users_is_executed(module: str) -> None:
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "compile", "__import__"), f"line {node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            assert called not in ("torch.load", "yaml.load", "yaml.unsafe_load"), f"line {node.lineno}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant) and node.value.value is False, f"line {node.lineno}"
    assert not {"pickle", "dill", "joblib", "shelve"} & {read.module for read in _imports(_tree(module))}


def test_no_file_has_two_subjects() -> None:
    long = {
        str(p.relative_to(ROOT)): n for p in MODULES.values() if (n := len(p.read_text().splitlines())) > 400
    }
    assert not long


WITHOUT = """
import sys
for name in "torch torchvision onnx onnxruntime onnxscript kornia builder.runtime rich".split():
    sys.modules[name] = None  # importing it raises
from cli.main import main
sys.argv = ["gradspec", *sys.argv[1:]]
sys.exit(main())
"""
SPECS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "specs" / "models").glob("*.yaml"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", *SPECS],
        ["validate", *SPECS, "--json"],
        ["shapes", "specs/models/lenet5.yaml"],
        ["schema"],
        ["layers"],
        ["layers", "Conv2d"],
        ["--help"],
        ["train", "--help"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_answers_without_torch(arguments: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments],
        cwd=ROOT,
        env=os.environ | {"GRADSPEC_DEBUG": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr + run.stdout
    assert run.stderr == ""


def test_a_wrong_spec_is_explained_without_torch() -> None:
    arguments = ["validate", "specs/demo/three_mistakes.yaml"]
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    assert "3 errors in specs/demo/three_mistakes.yaml." in run.stdout
