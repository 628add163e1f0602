"""The rooms of the house: which module may import which, read from the text of every file."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("builder", "grader", "cli", "specs", "gradspec")
HEAVY = ("torch", "torchvision", "onnx", "onnxruntime", "onnxscript", "kornia")


def _modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


def _runs_later(node: ast.AST) -> bool:
    """Whether importing a module leaves this out: a function's body, and what only a type checker reads."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _imports(tree: ast.AST, *, top: bool) -> Iterator[str]:
    """Every module imported; with ``top`` only when the module itself is (no functions, no TYPE_CHECKING)."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written out in full"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)
        elif not (top and _runs_later(node)):
            yield from _imports(node, top=top)


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def _within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_from_rooms_before_it(module: str) -> None:
    everywhere = set(_imports(_tree(module), top=False))
    if _within(module, "builder"):
        assert not [name for name in everywhere if _within(name, "grader", "cli")]
    if _within(module, "grader"):
        assert not [name for name in everywhere if _within(name, "cli")]
    if not _within(module, "cli"):
        assert not [name for name in everywhere if _within(name, "rich", "typer", "click")]


@pytest.mark.parametrize("module", MODULES)
def test_torch_stays_in_its_folder(module: str) -> None:
    top = set(_imports(_tree(module), top=True))
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
    assert not {"pickle", "dill", "joblib", "shelve"} & set(_imports(_tree(module), top=False))


def test_imports_have_no_cycle() -> None:
    graph = {module: {n for n in _imports(_tree(module), top=True) if n in MODULES} for module in MODULES}
    list(TopologicalSorter(graph).static_order())  # raises CycleError


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
