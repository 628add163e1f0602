"""What all tests share: how hypothesis searches, and how a spec's errors are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from builder.errors import SpecErrors

# Before anything imports torch. Tensors here are small: a second thread waits more than it works, and beside
# another process with two of its own it waits for seconds.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every run: a test that fails here fails everywhere.
settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


@pytest.fixture
def complaints() -> Callable[[Callable[[], object]], list[str]]:
    """Runs what must raise ``SpecErrors`` and gives its lines."""

    def run(action: Callable[[], object]) -> list[str]:
        with pytest.raises(SpecErrors) as caught:
            action()
        return [str(error) for error in caught.value.errors]

    return run


@pytest.fixture(scope="session")
def validator() -> Any:
    """Holds data against the JSON Schema of specs. The schema itself is checked once: that takes seconds."""
    import jsonschema

    from builder.schema import schema

    found = schema()
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)
