"""The public face: every public name, imported when it is used."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import gradspec

ROOT = Path(__file__).parents[2]
PUBLIC = {
    name: module
    for module in map(importlib.import_module, ("builder", "builder.runtime", "grader"))
    for name in module.__all__
}


def test_every_public_name_is_handed_on() -> None:
    assert gradspec.__all__ == sorted(PUBLIC)
    assert dir(gradspec) == sorted([*PUBLIC, "__version__"])


@pytest.mark.parametrize("name", PUBLIC)
def test_a_name_is_the_packages_own(name: str) -> None:
    assert getattr(gradspec, name) is getattr(PUBLIC[name], name)


def test_no_name_means_two_things() -> None:
    packages = map(importlib.import_module, ("builder", "builder.runtime", "grader"))
    assert sum(len(package.__all__) for package in packages) == len(PUBLIC)


def test_a_function_is_no_module() -> None:
    """`attack`, `load` and `objective` are names of files too."""
    for name in (name for name in gradspec.__all__ if name.islower()):
        assert callable(getattr(gradspec, name)), name


def test_the_version_is_the_distributions() -> None:
    assert gradspec.__version__ == version("gradspec")


def test_a_name_that_there_is_not() -> None:
    with pytest.raises(AttributeError, match="module 'gradspec' has no attribute 'lode'"):
        _ = gradspec.lode


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, gradspec\n"
        "assert not {'torch', 'builder', 'grader', 'cli', 'numpy'} & set(sys.modules)\n"
        "gradspec.load('specs/models/lenet5.yaml'), gradspec.Limits, gradspec.grade\n"
        "assert not {'torch', 'builder.runtime', 'cli'} & set(sys.modules)\n"
        "from gradspec import Network\n"
        "assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
