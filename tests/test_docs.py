"""The documentation is true: its specs load, its commands print what it shows, its links lead somewhere."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import cli.main
from builder.language.source import read_text
from cli.application import application

ROOT = Path(__file__).parents[1]
README, CONTRIBUTING = ROOT / "README.md", ROOT / "CONTRIBUTING.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = [README, CONTRIBUTING, ROOT / "CHANGELOG.md", *DOCS]
WIDEST = 119  # characters of a line
BLOCK = re.compile(r"^```(\w+)(?: ([\w./-]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def blocks(page: Path, language: str) -> list[tuple[str, str]]:
    """The code blocks of a language: the name behind it, or "", and the text."""
    text = page.read_text(encoding="utf-8")
    return [(name, body) for found, name, body in BLOCK.findall(text) if found == language]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(text)}


every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@every_page
def test_every_yaml_block_is_yaml(page: Path) -> None:
    for _, body in blocks(page, "yaml"):
        read_text(body)


@every_page
def test_commands_print_what_the_page_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files are the named YAML blocks of the page; a console block is a command and its whole output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    shutil.copytree(
        ROOT / "specs", tmp_path / "specs", ignore=shutil.ignore_patterns("*.npz", "*.safetensors")
    )
    for name, body in blocks(page, "yaml"):
        if name:
            Path(name).write_text(body, encoding="utf-8")
    for _, body in blocks(page, "console"):
        command, _, shown = body.partition("\n")
        assert command.startswith("$ gradspec ")
        monkeypatch.setattr(sys, "argv", command.split()[1:])
        cli.main.main()
        assert capsys.readouterr().out.rstrip() == shown.rstrip(), command


@every_page
def test_every_command_that_is_named_exists(page: Path) -> None:
    """Commands are what stands behind `gradspec` in code: between backticks, or at the start of a block's line."""
    commands = {command.name for command in application().registered_commands}
    text = page.read_text(encoding="utf-8")
    for command in re.findall(r"(?:`|^ *(?:\$ )?)gradspec ([a-z][a-z-]*)\b", text, re.MULTILINE):
        assert command in commands, command


@every_page
def test_options_and_targets_that_are_named_exist(page: Path) -> None:
    """In a block of shell commands every option is one of its command, and every target one of the Makefile."""
    commands = typer.main.get_command(application()).commands  # type: ignore[attr-defined]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for _, body in blocks(page, "sh"):
        for line in body.splitlines():
            words = shlex.split(line, comments=True)
            if "gradspec" in words[:1]:
                options = {name for parameter in commands[words[1]].params for name in parameter.opts}
                assert {word for word in words if word.startswith("--")} <= options, line
            if "make" in words:
                assert f"\n{words[words.index('make') + 1]}:" in makefile, line


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


@pytest.mark.parametrize("page", [README, CONTRIBUTING, *DOCS], ids=lambda page: page.name)
def test_lines_fit_a_window(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert not [f"{page.name}:{i}" for i, line in enumerate(lines, start=1) if len(line) > WIDEST]


def test_pictures_are_small() -> None:
    for picture in (ROOT / "docs" / "pictures").iterdir():
        assert picture.stat().st_size < 200_000, picture.name


def test_every_named_spec_is_right_unless_it_is_there_to_be_wrong(tmp_path: Path) -> None:
    from builder import load

    for page in PAGES:
        for name, body in blocks(page, "yaml"):
            path = tmp_path / (name or "fragment")
            if name and name not in ("mistakes.yaml", "wrong.yaml", "assignment.yaml"):
                path.write_text(body, encoding="utf-8")
                assert not load(path).advice, name


def test_the_assignment_is_right(tmp_path: Path) -> None:
    from grader.assignment.assignment import read_assignment

    folder = tmp_path / "lenet-digits"
    shutil.copytree(ROOT / "specs" / "assignments" / "lenet-digits", folder)
    text = dict(blocks(ROOT / "docs" / "grading.md", "yaml"))["assignment.yaml"]
    (folder / "assignment.yaml").write_text(text, encoding="utf-8")
    assert read_assignment(folder / "assignment.yaml").points == 100


# Python


def test_the_readme_has_python_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.yaml").write_text(dict(blocks(README, "yaml"))["model.yaml"], encoding="utf-8")
    ((_, code),) = blocks(README, "python")
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert sum(p.numel() for p in names["network"].parameters()) == 61706  # type: ignore[attr-defined]


@every_page
def test_what_python_blocks_import_is_there(page: Path) -> None:
    for _, code in blocks(page, "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module != "__future__":
                assert node.module is not None
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{node.module}.{alias.name}"


@every_page
def test_public_names_are_there(page: Path) -> None:
    import gradspec

    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"\bgradspec\.([a-z]\w*)\b(?!\.?(?:yaml|txt))", text):
        assert hasattr(gradspec, name), f"gradspec.{name}"


@every_page
def test_files_and_folders_that_are_named_exist(page: Path) -> None:
    if page.name == "CHANGELOG.md":  # it speaks of other versions
        return
    named = re.findall(r"`((?:builder|grader|cli|specs|tests|docs|bench)/[\w./-]*)`", page.read_text("utf-8"))
    for path in named:
        assert (ROOT / path).exists(), path


# Rooms and recipes


@pytest.mark.parametrize("package", ["builder", "builder/runtime", "grader", "cli"])
def test_every_room_is_in_the_architecture(package: str) -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    _, _, section = text.partition(f"### `{package}/`\n")
    listed = set(re.findall(r"^\| `(\w+)` \|", section.partition("\n#")[0], re.MULTILINE))
    paths = [path for path in (ROOT / package).iterdir() if not path.name.startswith(("_", "."))]
    rooms = {path.stem for path in paths if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"runtime"} <= listed


USE = """
import sys
from pathlib import Path

import torch

import builder
import gradspec
from cli.main import main

assert Path(builder.__file__).is_relative_to(Path.cwd()), builder.__file__
for kind, name in [("layers", "ChannelShuffle"), ("losses", "PoissonNLLLoss"),
                   ("datasets", "PoissonCounts"), ("checks", "depth")]:
    sys.argv = ["gradspec", "layers", "--kind", kind, name]
    assert main() == 0, name

shuffled = gradspec.loads("input: [4, 3, 3]\\nlayers: [{ChannelShuffle: 2}]\\n")
x = torch.arange(4.0).reshape(1, 4, 1, 1).expand(1, 4, 3, 3)
assert gradspec.build(shuffled)(x)[0, :, 0, 0].tolist() == [0, 2, 1, 3]
gradspec.train(gradspec.load("counts.yaml"), "run")
result = gradspec.grade("assignment.yaml", "class", "grades")
print({one.id: one.points for one in result.submissions})
"""
COUNTS = """
input: [2]
layers: [{Linear: 8}, Tanh, {Linear: 1}]
data: {source: {PoissonCounts: {features: 2, examples: 200}}}
train: {loss: PoissonNLLLoss, optimizer: {Adam: {lr: 1e-2}}, epochs: 1, metrics: [mae]}
"""
ASSIGNMENT = """
gradspec: 1
assignment: counts
title: Counts
reference: counts.yaml
submission: {model: model.yaml}
points: 10
checks: [{name: depth, depth: 2, points: 10}]
"""


def test_recipes_add_files_and_edit_nothing(tmp_path: Path) -> None:
    for package in ("gradspec", "builder", "grader", "cli", "specs"):
        leave_out = shutil.ignore_patterns("__pycache__", "*.npz", "*.safetensors")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=leave_out)
    recipes = blocks(CONTRIBUTING, "python")
    assert len({Path(name).parent for name, _ in recipes}) == len(recipes) == 5
    for name, body in recipes:
        assert not (tmp_path / name).exists()
        (tmp_path / name).write_text(body, encoding="utf-8")
    (tmp_path / "use.py").write_text(USE, encoding="utf-8")
    (tmp_path / "counts.yaml").write_text(COUNTS, encoding="utf-8")
    (tmp_path / "assignment.yaml").write_text(ASSIGNMENT, encoding="utf-8")
    for student, layers in (("ada", "[{Linear: 8}, Tanh, {Linear: 1}]"), ("bob", "[Tanh, {Linear: 1}]")):
        (tmp_path / "class" / student).mkdir(parents=True)
        model = COUNTS.replace("[{Linear: 8}, Tanh, {Linear: 1}]", layers)
        (tmp_path / "class" / student / "model.yaml").write_text(model, encoding="utf-8")
    deep = COUNTS.replace("Tanh", "Tanh, {Linear: 8}, Tanh")
    (tmp_path / "class" / "cyd").mkdir()
    (tmp_path / "class" / "cyd" / "model.yaml").write_text(deep, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "use.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "GRADSPEC_DEBUG": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "Your network has at most `max` layers with parameters." in run.stdout
    assert "| cyd | 0 |" in (tmp_path / "grades" / "grades.md").read_text(encoding="utf-8")
    assert "{'ada': Decimal('10.00'), 'bob': Decimal('10.00'), 'cyd': Decimal('0.00')}" in run.stdout
