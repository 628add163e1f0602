"""``builder/later.yaml`` names what is not built, and only that: whoever builds one of its names takes it out."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import builder
import grader
from builder import SpecErrors, loads
from builder.component import Catalogue, Component
from builder.language.later import FILE

NAMES: dict[str, list[str]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))


def _values() -> Iterator[Any]:
    """Every value at the top of a module that a spec or an assignment can name something of."""
    for package in (builder, grader):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not info.name.startswith("builder.runtime"):
                yield from vars(importlib.import_module(info.name)).values()


CATALOGUES = {value.kind: value for value in _values() if isinstance(value, Catalogue)}
SECTIONS = {
    value.__name__: value
    for value in _values()
    if isinstance(value, type) and issubclass(value, Component) and value.section_key is not None
}
SPECS = {
    "a spec": "input: [2]\nlayers: [{Linear: 2}]\nNAME: {}\n",
    "an item of `layers`": "input: [2]\nlayers: [{Linear: 2, NAME: {}}]\n",
    "a library": "library: library.yaml\ninput: [2]\nlayers: [{Linear: 2}]\n",
}


def _is_built(kind: str, name: str, folder: Path) -> bool:
    """Whether the name exists, in the catalogue, the section or the place that has such keys."""
    if kind in CATALOGUES:
        return name in CATALOGUES[kind]
    if kind in SECTIONS:
        return name in SECTIONS[kind].model_fields
    (folder / "library.yaml").write_text(f"{name}: {{}}\n", encoding="utf-8")
    with pytest.raises(SpecErrors) as caught:
        loads(SPECS[kind].replace("NAME", name), folder=folder)
    return f"`{name}` is not available yet" not in {error.problem for error in caught.value.errors}


@pytest.mark.parametrize("kind", NAMES)
def test_a_kind_is_one_that_names_are_looked_up_by(kind: str) -> None:
    assert kind in CATALOGUES or kind in SECTIONS or kind in SPECS


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in NAMES.items() for name in names])
def test_no_name_is_built(kind: str, name: str, tmp_path: Path) -> None:
    assert not _is_built(kind, name, tmp_path), f"remove `{name}` from later.yaml"


def test_a_name_stands_once() -> None:
    for names in NAMES.values():
        assert len(names) == len(set(names))


def test_a_right_spec_does_not_read_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.language.later._names", None)  # calling it would raise
    for path in sorted((Path(__file__).parents[1] / "specs" / "models").glob("*.yaml")):
        builder.load(path)
