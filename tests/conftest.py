"""What all tests share: how hypothesis searches, how work is measured, and how a spec's errors are read."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

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

T = TypeVar("T")


class Yardstick:
    """Processor time of a call as a multiple of a fixed piece of Python's, measured beside it.

    Other processes slow both alike, and a call that is over its bound may try again: a loaded machine does not
    fail a test, while a call that takes far too long does so each time.
    """

    TRIES = 3

    def holds(self, call: Callable[[], T], most: float) -> T:
        """What ``call`` gives. Fails if it takes more than ``most`` times the fixed piece in each try."""
        ratios: list[float] = []
        for _ in range(self.TRIES):
            _, unit = self._measured(self._unit)
            found, seconds = self._measured(call)
            ratios.append(seconds / unit)
            if ratios[-1] <= most:
                return found
        tried = ", ".join(f"{ratio:.3g}" for ratio in ratios)
        pytest.fail(f"takes {tried} times the work of the yardstick, and {most:g} are allowed")

    @staticmethod
    def _unit() -> int:
        """About a millisecond."""
        return sum(i * i for i in range(16_000))

    @staticmethod
    def _measured(call: Callable[[], T]) -> tuple[T, float]:
        """What a call gives, and its seconds of processor time."""
        start = time.process_time()
        found = call()
        return found, time.process_time() - start


@pytest.fixture(scope="session")
def yardstick() -> Yardstick:
    """Holds a call to a multiple of a fixed piece of work."""
    return Yardstick()


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
