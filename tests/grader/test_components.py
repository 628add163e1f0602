"""The battery for every check and every section of an assignment: found by scanning, held to its examples."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

import grader
from builder.component import Accepted, Component, Rejected
from builder.errors import Report
from builder.language.nodes import Mapping
from builder.language.source import read_text
from builder.reader import Reader
from grader.check import Check, checks


def _sections() -> list[type[Component]]:
    modules = [
        importlib.import_module(info.name) for info in pkgutil.walk_packages(grader.__path__, "grader.")
    ]
    return sorted(
        {
            value
            for module in modules
            for value in vars(module).values()
            if inspect.isclass(value)
            and issubclass(value, Component)
            and getattr(value, "__final__", False)
            and value.__module__.startswith("grader.")
        },
        key=lambda cls: cls.__name__,
    )


KINDS = _sections()
EXAMPLES = [
    pytest.param(kind, example, id=f"{kind.__name__}: {example.text or 'bare'}")
    for kind in KINDS
    for example in (*kind.accepts, *kind.rejects)
]


def test_the_scan_finds_every_check() -> None:
    assert {checks[name] for name in checks} == {kind for kind in KINDS if issubclass(kind, Check)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_explains_itself(kind: type[Component]) -> None:
    first = kind.manual().splitlines()[0]
    assert first.endswith((".", ":")) and len(first) <= 100
    assert kind.accepts and (kind.rejects or not kind.model_fields)


@pytest.mark.parametrize(("kind", "example"), EXAMPLES)
def test_examples(kind: type[Component], example: Accepted | Rejected) -> None:
    report = Report()
    root = read_text(f"it: {example.text or '{}'}\n").root
    assert isinstance(root, Mapping)
    found = Reader(report, {}).component(kind, root.entries["it"], root.keys["it"])
    problems = [error.problem for error in report.errors]
    if isinstance(example, Rejected):
        assert (found, problems) == (None, [example.problem])
    else:
        assert found is not None and problems == []
