"""Names to come: read from a file, by kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.language import later as module
from builder.language.later import later


def test_names_are_looked_up_by_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "later.yaml"
    file.write_text("layer type: [Conv9d]\na spec: [wishes]\n", encoding="utf-8")
    monkeypatch.setattr(module, "FILE", file)
    monkeypatch.setattr(module, "_names", module._names.__wrapped__)
    assert later("layer type") == {"Conv9d"}
    assert later("a spec") == {"wishes"}
    assert later("metric") == frozenset()


def test_the_shipped_file_can_be_read() -> None:
    assert all(names for names in module._names().values())
