"""What all tests share: how hypothesis searches, and how a spec's errors are read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from builder.errors import SpecErrors

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
