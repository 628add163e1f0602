from __future__ import annotations

import pytest

from builder.errors import Cause
from builder.robustness.attacks.attack import attacks
from builder.robustness.disturbances.disturbance import disturbances
from grader.running.threats import threats


def test_both_catalogues_are_one_and_share_no_name() -> None:
    assert [*threats] == [*attacks, *disturbances]
    assert not set(attacks) & set(disturbances)
    assert threats["FGSM"] is attacks["FGSM"] and threats.get("Rotation") is disturbances["Rotation"]
    assert threats.module_of("Rotation") == "builder.robustness.disturbances.geometric"


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(Cause, match="there is no attack or disturbance `Rotaton`") as caught:
        threats.get("Rotaton")
    assert caught.value.hint == "Did you mean `Rotation`?"
