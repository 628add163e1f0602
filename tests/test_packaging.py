"""The wheel holds everything that is needed outside a checkout, and its version is the changelog's newest."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    run = subprocess.run(
        [*build, "--disable-pip-version-check", "--wheel-dir", str(out), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    (path,) = out.iterdir()
    return path


def test_version_is_the_changelogs_newest() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["version"] == version("gradspec")


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    packages = ["gradspec", "builder", "grader", "cli", "specs"]
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *packages]
    run = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        pytest.skip("not a git checkout")
    wanted = {name for name in run.stdout.splitlines() if (ROOT / name).is_file()}
    held = set(zipfile.ZipFile(wheel).namelist())
    assert wanted - held == set()
    assert {name for name in held if ".dist-info/" not in name} == wanted
    for name in ("specs/models/lenet5.yaml", "specs/demo/three_mistakes.yaml"):
        assert name in held
    assert {"gradspec/py.typed", "builder/py.typed", "grader/py.typed"} <= held
    assert any(name.startswith("grader/results/formats/templates/") for name in held)


def test_the_wheel_runs_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, 'site'); import builder, gradspec; from gradspec.__main__ import main; "
        "home = sys.argv.pop(1); assert builder.__file__.startswith(home), builder.__file__; "
        "assert gradspec.__file__.startswith(home), gradspec.__file__; sys.exit(main())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), "validate", "site/specs/models/lenet5.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "site/specs/models/lenet5.yaml: right; 12 layers, 61,706 parameters\n"


def test_the_entry_point_is_the_command() -> None:
    assert PROJECT["scripts"] == {"gradspec": "gradspec.__main__:main"}


def test_make_test_is_all_that_ci_runs() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "make test"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
