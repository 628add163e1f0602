"""Small specs on real digits, and one finished run that many tests read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from builder import loads
from builder.runtime import Proof, Run, train
from builder.runtime.cells.compiled.c_compiler import NotCompiled, compiler
from builder.spec.spec import ModelSpec

MLP = """
name: small
input: [1, 8, 8]
layers: [Flatten, {Linear: 24}, ReLU, {Dropout: 0.2}, {Linear: 10}]
data:
  source: Digits
  preprocess: [Standardize]
  split: {train: 0.6, validation: 0.2, test: 0.2}
  batch_size: 128
train:
  loss: CrossEntropyLoss
  optimizer: {Adam: {lr: 1e-2}}
  epochs: 3
  metrics: [accuracy]
  device: cpu
  threads: 1
"""


@pytest.fixture(scope="session")
def small() -> Callable[..., ModelSpec]:
    """Makes the small spec, with single values changed: ``small("train.epochs=2")``."""

    def make(*sets: str) -> ModelSpec:
        return loads(MLP, sets=sets)

    return make


@pytest.fixture(scope="session")
def run(small: Callable[..., ModelSpec], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of the small spec; not to be changed."""
    return train(small(), tmp_path_factory.mktemp("runs") / "small")


@pytest.fixture
def no_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the export out: it takes seconds, and has its own tests."""

    def export(what: object, path: Path) -> Proof:
        return Proof(0.0, 0.0, (), 0)

    # By the module: as an attribute of its package, `train` is the function.
    monkeypatch.setattr(sys.modules["builder.runtime.train"], "export", export)


@pytest.fixture(scope="session")
def c_compiler() -> None:
    """Skips where there is no C compiler."""
    try:
        compiler()
    except NotCompiled as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for each other take most of the time of small values."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
