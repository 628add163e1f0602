"""The documentation is true: its specs load, its commands print what it shows, its links lead somewhere."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

import cli.main
from builder.language.source import read_text
from cli.application import commands

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
BLOCK = re.compile(r"^```(\w+)(?: ([\w./-]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")


def blocks(page: Path, language: str) -> list[tuple[str, str]]:
    text = page.read_text(encoding="utf-8")
    return [(name, body) for found, name, body in BLOCK.findall(text) if found == language]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_yaml_block_is_yaml(page: Path) -> None:
    for _, body in blocks(page, "yaml"):
        read_text(body)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_named_exists(page: Path) -> None:
    for command in re.findall(r"\bgradspec ([a-z]+)\b", page.read_text(encoding="utf-8").replace("`", "")):
        assert command in commands() or command in ("says", "grades"), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


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


def test_the_readme_has_python_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.yaml").write_text(dict(blocks(ROOT / "README.md", "yaml"))["model.yaml"], encoding="utf-8")
    ((_, code),) = blocks(ROOT / "README.md", "python")
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert sum(p.numel() for p in names["network"].parameters()) == 61706  # type: ignore[attr-defined]
