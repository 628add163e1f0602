from __future__ import annotations

import pytest

from builder import SpecErrors, loads
from builder.runtime import build
from builder.runtime.network.module import listing


def test_what_is_kept_beside_the_weight() -> None:
    text = """
input: [3, 8, 8]
layers:
  - {Conv2d: {out_channels: 4, kernel_size: 3}, norm: spectral}
  - {ConvTranspose2d: {out_channels: 5, kernel_size: 3}, norm: spectral}
  - Flatten
  - {Linear: 6, norm: weight}
"""
    first, second, _, last = loads(text).graph.layers
    assert first.norm == second.norm == "spectral" and last.norm == "weight"
    assert first.buffer_shapes == {"weight_u": (4,), "weight_v": (27,)}
    assert second.buffer_shapes == {"weight_u": (5,), "weight_v": (36,)}, "outputs lie along the second axis"
    assert first.how.endswith("4·(3·3·3) + 4 = 112;  W/σ(W)")
    assert first.parameters == 4 * 27 + 4
    assert last.parameter_shapes == {"weight": (6, 320), "bias": (6,), "weight_g": (6, 1)}
    assert last.how == "320·6 + 6 = 1926 + 6 lengths = 1932;  g·W/‖W‖"


def test_a_parameter_of_a_block_can_say_it_or_say_none() -> None:
    text = """
input: [6]
blocks:
  Head:
    parameters: {norm: weight}
    layers: [{Linear: 4, norm: $norm}]
layers: [{Head: {norm: spectral}}, {Head: {norm: null}}]
"""
    spec = loads(text)
    assert [layer.norm for layer in spec.graph.layers] == ["spectral", None]
    assert list(listing(build(spec))) == list(spec.graph.state)


def test_resolved_says_it_again() -> None:
    spec = loads("input: [6]\nlayers: [{Linear: 4, norm: weight}]")
    assert spec.resolved()["layers"][0]["norm"] == "weight"  # type: ignore[index]


@pytest.mark.parametrize("hole", ["{Linear: 4, norm: ???}"])
def test_a_hole_is_to_be_filled(hole: str) -> None:
    spec = loads(f"input: [6]\nlayers: [{hole}]")
    assert len(spec.holes) == 1 and not spec.graph.complete


def test_a_word_that_is_none() -> None:
    with pytest.raises(SpecErrors) as caught:
        loads("input: [6]\nlayers: [{Linear: 4, norm: spectrl}]")
    (error,) = caught.value.errors
    assert error.problem == 'expected `spectral` or `weight`, found the text "spectrl"'
    assert error.hint == "Did you mean `spectral`?"
