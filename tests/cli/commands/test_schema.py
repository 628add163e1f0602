"""`gradspec schema`: the JSON Schema of a spec."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

Run = Callable[..., Any]  # what `conftest.py` says that it gives


def test_schema_is_the_json_schema(run: Run, validator: Any, spec: Path) -> None:
    assert json.loads(run("schema").stdout) == validator.schema
    assert validator.is_valid(yaml.safe_load(spec.read_text(encoding="utf-8").replace("1e-2", "0.01")))
