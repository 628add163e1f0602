"""What measures are shown of a game: held against a measure that keeps it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from builder import loads
from builder.errors import RunError
from builder.games.measures.measure import Sampled
from builder.games.measures.modes import modes
from builder.runtime import build_networks
from builder.runtime.data.splits import load_splits
from builder.runtime.games.sample_quality import Judge
from builder.runtime.network.module import Network

SPEC = """
networks:
  generator: {input: [3], layers: [{Linear: 2}]}
  discriminator: {input: [2], layers: [{Linear: 1}]}
data: {source: {GaussianRing: {examples: 200}}, preprocess: [Standardize], split: {train: 0.5, test: 0.5}}
adversarial: {objective: Hinge, conditional: concatenate, optimizer: {generator: Adam, discriminator: Adam}}
train: {epochs: 1, device: cpu, metrics: [modes], samples: 400}
"""


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Sampled]:
    """All that the measure `modes` is asked of."""
    found: list[Sampled] = []

    def of(self: modes, sampled: Sampled) -> dict[str, float]:
        found.append(sampled)
        return {"modes": 3.0, "good_samples": float("nan")}

    monkeypatch.setattr(modes, "of", of)
    return found


def players() -> tuple[Network, Network]:
    networks = build_networks(loads(SPEC))
    generator, discriminator = networks["generator"], networks["discriminator"]
    assert isinstance(generator, Network) and isinstance(discriminator, Network)
    return generator, discriminator


def logits(network: Network, *inputs: Tensor) -> Tensor:
    with torch.no_grad():
        found = network(*inputs)
    assert isinstance(found, Tensor)
    return found


def test_what_is_shown(shown: list[Sampled]) -> None:
    spec = loads(SPEC)
    assert spec.data is not None
    splits = load_splits(spec.data, spec.folder)
    assert splits.test is not None
    judge = Judge(spec, splits.train, splits.preprocessing, splits.bounds)
    generator, discriminator = players()
    assert judge.figures == ("modes", "good_samples")
    for _ in range(2):
        judge.of(generator, discriminator, splits.test)
    one, again = shown
    assert torch.equal(one.samples, again.samples), "the same noise every time"
    scale, shift = (
        torch.tensor(values) for values in (splits.preprocessing.scale, splits.preprocessing.shift)
    )
    for raw, part in ((one.trained, splits.train), (one.real, splits.test)):
        torch.testing.assert_close(raw * scale + shift, part.x, atol=1e-5, rtol=1e-5)
        assert float(raw.norm(dim=1).mean()) == pytest.approx(1, abs=0.01), "the ring's own units"
    assert len(one.samples) == 400
    assert one.labels is not None and one.labels.bincount().min() > 20
    torch.testing.assert_close(one.real_logits, logits(discriminator, splits.test.x, splits.test.y))
    arrived = one.samples * scale + shift
    torch.testing.assert_close(
        one.fake_logits, logits(discriminator, arrived, one.labels), atol=1e-5, rtol=1e-4
    )


def test_nothing_to_measure(shown: list[Sampled]) -> None:
    spec = loads(SPEC, sets=["train.metrics=[]"])
    assert spec.data is not None
    splits = load_splits(spec.data, spec.folder)
    judge = Judge(spec, splits.train, splits.preprocessing, splits.bounds)
    assert judge.figures == () and judge.of(*players(), splits.train) == {} and not shown
    with pytest.raises(RunError, match="has no data to measure samples with"):
        Judge(replace(spec, data=None), splits.train, splits.preprocessing, splits.bounds)
