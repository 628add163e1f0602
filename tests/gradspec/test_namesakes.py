"""Files of a user's own that have the names of our packages: one sentence, no traceback of another module."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradspec.namesakes import PACKAGES, hidden, is_command

ROOT = Path(__file__).parents[2]
LENET = str(ROOT / "specs/models/lenet5.yaml")
SCRIPT = "import sys; sys.argv[0] = '/bin/gradspec'; from gradspec.__main__ import main; sys.exit(main())"


def _python(folder: Path, *words: str, path: tuple[Path, ...] = (ROOT,)) -> subprocess.CompletedProcess[str]:
    """Runs Python in ``folder`` with these folders on PYTHONPATH."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _sentence(path: Path, package: str) -> str:
    return (
        f"`{path}` hides gradspec's package `{package}`: rename it, "
        f"or keep `{path.parent}` off Python's path (sys.path, PYTHONPATH)."
    )


def test_ours_are_not_hidden() -> None:
    assert hidden() is None
    assert not is_command()


def test_a_builder_beside_a_notebook(tmp_path: Path) -> None:
    """`python -c` has its folder on the path, as a notebook has."""
    (tmp_path / "builder.py").write_text("raise RuntimeError('of a student')", encoding="utf-8")
    for code in ("import gradspec", "from gradspec import load", "import gradspec; gradspec.load"):
        run = _python(tmp_path, "-c", code)
        assert run.returncode == 1
        assert run.stderr.splitlines()[-1] == f"ImportError: {_sentence(tmp_path / 'builder.py', 'builder')}"


def test_a_builder_that_is_imported_already(tmp_path: Path) -> None:
    (tmp_path / "builder.py").touch()
    run = _python(tmp_path, "-c", "import builder, sys; sys.path.pop(0); import gradspec")
    assert run.stderr.splitlines()[-1] == f"ImportError: {_sentence(tmp_path / 'builder.py', 'builder')}"


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_namesake_on_pythonpath(tmp_path: Path, package: str, kind: str) -> None:
    path = tmp_path / "theirs" / (package if kind == "folder" else f"{package}.py")
    path.parent.mkdir()
    if kind == "folder":
        path.mkdir()
        (path / "__init__.py").touch()
    else:
        path.touch()
    for words in (["-m", "gradspec"], ["-c", SCRIPT]):
        run = _python(tmp_path, *words, "validate", LENET, path=(path.parent, ROOT))
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr == f"Error: {_sentence(path, package)}\n"


def test_a_folder_without_init_hides_nothing(tmp_path: Path) -> None:
    for package in PACKAGES:
        (tmp_path / package).mkdir()
    for words in (["-m", "gradspec"], ["-c", SCRIPT]):
        run = _python(tmp_path, *words, "validate", LENET, path=(tmp_path, ROOT))
        assert (run.returncode, run.stderr) == (0, "")
        assert run.stdout == f"{LENET}: right; 12 layers, 61,706 parameters\n"


def test_a_folder_without_init_hides_what_only_a_finder_knows(tmp_path: Path) -> None:
    """Some editable installs map names by a finder behind Python's own: then such a folder is found first."""
    (tmp_path / "cli").mkdir()
    code = f"""
import sys
from importlib.util import spec_from_file_location
from pathlib import Path

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in {("gradspec", *PACKAGES)}:
            return spec_from_file_location(name, {str(ROOT)!r} + f"/{{name}}/__init__.py")

sys.path = [folder for folder in sys.path if not (Path(folder) / "builder" / "shapes.py").exists()]
sys.meta_path.append(Finder)
{SCRIPT}
"""
    run = _python(tmp_path, "-c", code, "validate", LENET)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"Error: {_sentence(tmp_path / 'cli', 'cli')}\n"


def test_a_package_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "gradspec").mkdir()
    for file in (ROOT / "gradspec").glob("*.py"):
        (tmp_path / "gradspec" / file.name).write_bytes(file.read_bytes())
    run = _python(tmp_path, "-S", "-m", "gradspec", path=(tmp_path,))
    assert run.returncode == 2
    assert run.stderr == (
        f"Error: gradspec's package `builder` is missing from `{tmp_path}`: install gradspec again.\n"
    )


def test_a_link_to_the_checkout_hides_nothing(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(ROOT, target_is_directory=True)
    code = f"import gradspec, sys; sys.path.insert(0, {str(link)!r}); gradspec.load"
    run = _python(tmp_path, "-c", code)
    assert (run.returncode, run.stderr) == (0, "")


def test_it_costs_next_to_nothing() -> None:
    def seconds() -> float:
        start = time.perf_counter()
        hidden()
        return time.perf_counter() - start

    assert min(seconds() for _ in range(20)) < 1e-3
