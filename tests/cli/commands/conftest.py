"""A finished run, for the commands that read one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from builder import loads
from builder.runtime import Proof, train

SPEC = """
name: small
input: [1, 8, 8]
layers: [Flatten, {Linear: 10}]
data: {source: Digits, preprocess: [{Rescale: [0, 1]}], split: {train: 0.8, test: 0.2}}
train:
  loss: CrossEntropyLoss
  optimizer: {Adam: {lr: 1e-2}}
  epochs: 4
  metrics: [accuracy]
  device: cpu
  threads: 1
"""


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["builder.runtime.train"], "export", lambda *_: Proof(0.0, 0.0, (), 0))
        return train(loads(SPEC), tmp_path_factory.mktemp("runs") / "run").folder
