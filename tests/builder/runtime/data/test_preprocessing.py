"""Preprocessing once it is fitted: written down and read back, differentiable, hostile texts refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from builder.data.datasets.digits import Digits
from builder.data.section import Data
from builder.data.transforms.grayscale import Grayscale
from builder.data.transforms.rescale import Rescale
from builder.data.transforms.resize import Resize
from builder.data.transforms.standardize import Standardize
from builder.errors import DataError
from builder.runtime.data.preprocessing import Preprocessing
from builder.runtime.data.splits import load_arrays, load_splits

HERE = Path()
PLAIN = Data(source=Digits())
ALL = Data(
    source=Digits(),
    preprocess=(Rescale(range=(-1, 3)), Resize(size=(12, 10)), Standardize()),
    batch_size=100,
)


def test_preprocessing_travels_as_json() -> None:
    splits = load_splits(ALL.model_copy(update={"preprocess": (*ALL.preprocess, Grayscale())}), HERE)
    text = splits.preprocessing.to_json()
    assert text.isascii() and "\n" not in text
    again = Preprocessing.from_json(text)
    assert again.geometry == splits.preprocessing.geometry == (Resize(size=(12, 10)), Grayscale())
    assert (again.fitted, again.classes) == (("Rescale", "Standardize"), tuple("0123456789"))
    raw = torch.from_numpy(load_arrays(PLAIN, HERE, "train")[0])
    assert torch.equal(again(raw), splits.train.x)
    assert torch.equal(again(raw), splits.preprocessing(raw))


def test_gradients_reach_through_the_affine_step() -> None:
    preprocessing = Preprocessing(scale=(2.0, 4.0), shift=(0.0, 1.0))
    x = torch.ones(1, 2, 3, 3, requires_grad=True)
    preprocessing.apply_affine(x).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None and x.grad[0, :, 0, 0].tolist() == [2, 4]


GOOD: dict[str, Any] = json.loads(Preprocessing(geometry=(Resize(size=4),)).to_json())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        json.dumps(GOOD | {"scale": ["a"]}),
        json.dumps(GOOD | {"scale": [1e999]}),
        json.dumps(GOOD | {"scale": [10**400]}),
        json.dumps(GOOD | {"scale": []}),
        json.dumps(GOOD | {"scale": [1.0, 1.0]}),
        json.dumps(GOOD | {"shift": 1.0}),
        json.dumps(GOOD | {"classes": [1]}),
        json.dumps(GOOD | {"geometry": [{"Resize": {"size": -1}}]}),
        json.dumps(GOOD | {"geometry": [{"os.system": {}}]}),
        json.dumps(GOOD | {"geometry": [{"Rescale": {}}]}),
        json.dumps(GOOD | {"geometry": "Resize"}),
        json.dumps(GOOD | {"geometry": [None]}),
    ],
)
def test_what_is_no_preprocessing_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        Preprocessing.from_json(text)


def test_what_needs_no_training_part_is_known_without_it() -> None:
    source = Digits().describe(HERE)
    known = Preprocessing.fit(Data(source=Digits(), preprocess=(Rescale(range=(-1, 1)),)), source)
    assert (known.scale, known.shift) == ((2.0,), (-1.0,))
    assert Preprocessing.fit(PLAIN, source).is_identity
    with pytest.raises(DataError, match="`Standardize` was fitted on training data"):
        Preprocessing.fit(ALL, source)
