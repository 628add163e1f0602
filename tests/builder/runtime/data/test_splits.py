"""Data on the device: parts, and batches that follow from seed and epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn.functional import interpolate

from builder.data.datasets.digits import Digits
from builder.data.datasets.npz import NPZ
from builder.data.datasets.tokens import Tokens
from builder.data.section import Data, Split
from builder.data.transforms.random_horizontal_flip import RandomHorizontalFlip
from builder.data.transforms.random_rotation import RandomRotation
from builder.data.transforms.rescale import Rescale
from builder.data.transforms.resize import Resize
from builder.data.transforms.standardize import Standardize
from builder.errors import DataError
from builder.runtime.data.splits import load_arrays, load_splits

HERE = Path()
PLAIN = Data(source=Digits())
ALL = Data(
    source=Digits(),
    preprocess=(Rescale(range=(-1, 3)), Resize(size=(12, 10)), Standardize()),
    batch_size=100,
)


def test_parts_are_scikit_learns_examples() -> None:
    split = Split(train=0.8, test=0.2)
    splits = load_splits(Data(source=Digits(), split=split), HERE)
    theirs, indices = load_digits(), split.indices(load_digits().target, 10)
    assert splits.validation is None and splits.test is not None
    for part, name in ((splits.train, "train"), (splits.test, "test")):
        np.testing.assert_array_equal(part.x[:, 0].numpy(), theirs.images[indices[name]] / 16)
        np.testing.assert_array_equal(part.y.numpy(), theirs.target[indices[name]])
    assert splits.train.x.dtype == torch.float32 and splits.train.y.dtype == torch.int64


def test_geometry_runs_first_and_the_affine_steps_last_wherever_they_stand() -> None:
    splits = load_splits(ALL, HERE)
    raw = {
        name: torch.from_numpy(load_arrays(ALL, HERE, name)[0]) for name in ("train", "validation", "test")
    }
    plain = torch.from_numpy(load_arrays(PLAIN, HERE, "train")[0])
    assert torch.equal(raw["train"], interpolate(plain, (12, 10), mode="bilinear", antialias=True))
    mean, deviation = raw["train"].double().mean(), raw["train"].double().std(correction=0)
    assert splits.validation is not None and splits.test is not None
    for name, part in (("train", splits.train), ("validation", splits.validation), ("test", splits.test)):
        # Standardize after Rescale undoes it: both are affine; what was fitted is the training part's.
        expected = (raw[name].double() - mean) / deviation
        torch.testing.assert_close(part.x.double(), expected, atol=1e-5, rtol=1e-5)
    assert splits.info.input.shape == splits.train.x.shape[1:] == (1, 12, 10)


def test_rescale_is_from_the_declared_range() -> None:
    data = Data(source=Digits(), preprocess=(Rescale(range=(-1, 1)),))
    splits = load_splits(data, HERE)
    raw = torch.from_numpy(load_arrays(data, HERE, "train")[0])
    assert torch.equal(splits.train.x, raw * 2 - 1)


def test_batches_hold_every_example_once_and_follow_from_seed_and_epoch() -> None:
    splits = load_splits(ALL, HERE, seed=5)
    batches = list(splits.batches(0))
    assert len(batches) == splits.steps_per_epoch == 13
    assert [len(x) for x, *_ in batches] == [100] * 12 + [58]

    def flat(epoch: int, seed: int = 5) -> Tensor:
        return torch.cat([x for x, *_ in load_splits(ALL, HERE, seed=seed).batches(epoch)]).flatten(1)

    found = torch.cat([x for x, *_ in batches]).flatten(1)
    every = splits.train.x.flatten(1)
    assert torch.equal(found.sort(0).values, every.sort(0).values)
    assert torch.equal(found, flat(0))
    assert not torch.equal(found, flat(1))
    assert not torch.equal(found, flat(0, seed=6))
    for x, y, _ in batches[:2]:  # the labels come along
        for one, label in zip(x[:5], y[:5], strict=True):
            same = (splits.train.x == one).flatten(1).all(1)
            assert label in splits.train.y[same]


def test_without_shuffle_the_order_is_the_sources() -> None:
    splits = load_splits(Data(source=Digits(), shuffle=False), HERE)
    assert torch.equal(torch.cat([x for x, *_ in splits.batches(3)]), splits.train.x)


def test_a_last_batch_of_one_joins_the_one_before() -> None:
    splits = load_splits(Data(source=Digits(), batch_size=419), HERE)  # 1,258 = 3·419 + 1
    assert [len(x) for x, *_ in splits.batches(0)] == [419, 419, 420]
    assert load_splits(Data(source=Digits(), batch_size=1), HERE).steps_per_epoch == 1258


def test_augmentation_is_before_the_affine_step_and_on_training_batches_only() -> None:
    flip = Data(
        source=Digits(),
        preprocess=(Rescale(range=(-1, 1)),),
        augment=(RandomHorizontalFlip(p=1),),
        shuffle=False,
    )
    splits = load_splits(flip, HERE)
    raw = torch.from_numpy(load_arrays(flip, HERE, "train")[0])
    assert torch.equal(splits.train.x, raw * 2 - 1)
    assert torch.equal(torch.cat([x for x, *_ in splits.batches(0)]), raw.flip(-1) * 2 - 1)
    # A rotation's `fill` of 0 is black before Rescale, and −1 after it.
    turned = load_splits(flip.model_copy(update={"augment": (RandomRotation(degrees=(45, 45)),)}), HERE)
    corners = torch.cat([x[:, 0, 0, 0] for x, *_ in turned.batches(0)])
    assert torch.equal(corners, torch.full_like(corners, -1))


def test_augmented_batches_repeat() -> None:
    data = Data(source=Digits(), augment=(RandomHorizontalFlip(), RandomRotation(degrees=20)))
    first, again, later = (
        torch.cat([x for x, *_ in load_splits(data, HERE, seed=1).batches(epoch)]) for epoch in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_global_randomness_is_left_alone() -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    data = Data(source=Digits(), augment=(RandomHorizontalFlip(), RandomRotation(degrees=20)))
    list(load_splits(data, HERE).batches(0))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_arrays_of_all_examples_or_of_a_part() -> None:
    x, y, _ = load_arrays(PLAIN, HERE)
    np.testing.assert_array_equal(x[:, 0], load_digits().images / 16)
    np.testing.assert_array_equal(y, load_digits().target)
    assert [len(load_arrays(PLAIN, HERE, name)[0]) for name in ("train", "validation", "test")] == [
        1258,
        269,
        270,
    ]
    with pytest.raises(DataError, match="the data has no part `validation`") as caught:
        load_arrays(Data(source=Digits(), split=Split(train=0.5, test=0.5)), HERE, "validation")
    assert caught.value.hint == "It has `train`, `test`."


def test_arrays_of_padded_sequences_have_their_lengths() -> None:
    data = Data(source=Tokens(shipped="oanc"), split=Split(train=0.9, test=0.1))
    x, y, lengths = load_arrays(data, HERE, "test")
    part = load_splits(data, HERE).test
    assert part is not None and part.lengths is not None and lengths is not None
    np.testing.assert_array_equal(lengths, part.lengths.numpy())
    np.testing.assert_array_equal(x, part.x.numpy())
    np.testing.assert_array_equal(y, part.y.numpy())
    everything = load_arrays(data, HERE)
    assert everything.lengths is not None and len(everything.lengths) == len(everything.x) == 2000
    assert load_arrays(PLAIN, HERE).lengths is None


def test_an_own_test_part_stays_apart(tmp_path: Path) -> None:
    x = np.arange(20, dtype=np.float64)[:, None]
    np.savez(tmp_path / "a.npz", x_train=x, y_train=x, x_test=x[:3] + 100, y_test=x[:3])
    data = Data(source=NPZ(path="a.npz"), preprocess=(Standardize(),))
    splits = load_splits(data, tmp_path)
    assert splits.test is not None and len(splits.train) == 17
    assert load_arrays(data, tmp_path, "test")[0].ravel().tolist() == [100, 101, 102]
    assert len(load_arrays(data, tmp_path)[0]) == 23
    torch.testing.assert_close(splits.train.x.mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    assert splits.train.y.shape == (17, 1)


def test_data_that_cannot_be_used_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file `a\.npz`"):
        load_splits(Data(source=NPZ(path="a.npz")), tmp_path)
    np.savez(tmp_path / "a.npz", x=np.zeros((21, 2)), y=np.array([0] * 20 + [1]))
    rare = Data(source=NPZ(path="a.npz"), split=Split(train=0.3, test=0.7))
    with pytest.raises(DataError, match="the part `test` holds class 1, of which the training part has no"):
        load_splits(rare, tmp_path)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_batches_are_the_same_on_every_device() -> None:
    data = ALL.model_copy(update={"augment": (RandomHorizontalFlip(),)})
    here, there = (load_splits(data, HERE, seed=2, device=device) for device in ("cpu", "cuda"))
    for (x, y, _), (x_there, y_there, _) in zip(here.batches(1), there.batches(1), strict=True):
        assert torch.equal(y, y_there.cpu())
        torch.testing.assert_close(x, x_there.cpu())
