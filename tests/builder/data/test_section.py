"""Data as a section: its steps in their places, its split, and what arrives at the network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from builder.component import Component
from builder.data.datasets.digits import Digits
from builder.data.datasets.npz import NPZ
from builder.data.info import PARTS
from builder.data.section import Data, Split, check_labels
from builder.data.transforms.random_rotation import RandomRotation
from builder.data.transforms.rescale import Rescale
from builder.data.transforms.resize import Resize
from builder.data.transforms.standardize import Standardize
from builder.errors import Cause, DataError, Report, SpecError
from builder.language.nodes import Mapping
from builder.language.source import read_text
from builder.reader import Reader
from builder.shapes import TensorType


def _read(text: str) -> tuple[Component | None, tuple[SpecError, ...]]:
    report = Report()
    root = read_text(text).root
    assert isinstance(root, Mapping)
    return Reader(report, {}).component(Data, root.entries["data"], root.keys["data"]), report.errors


def test_it_comes_back_as_plain_data() -> None:
    made, errors = _read(
        "data: {source: Digits, preprocess: [{Resize: 28}, Standardize], augment: [{RandomRotation: 10}],\n"
        "  split: {train: 0.8, test: 0.2}, batch_size: 16, shuffle: false}"
    )
    assert not errors and made is not None
    again, errors = _read(yaml.safe_dump({"data": made.plain()}))
    assert not errors
    assert again == made


def test_errors_stand_at_the_step_they_are_about() -> None:
    _, errors = _read(
        "data:\n"
        "  source: Digits\n"
        "  preprocess:\n"
        "    - Resize: 28\n"
        "    - RandomHorizontalFlip\n"
        "  split: {train: 0.8, test: 0.1}\n"
    )
    assert [(e.line, e.problem) for e in errors] == [(6, "the parts sum to 0.9, not to 1")]
    _, errors = _read(
        "data:\n  source: Digits\n  preprocess:\n    - Resize: 28\n    - RandomHorizontalFlip\n"
    )
    assert [(e.line, e.problem) for e in errors] == [
        (5, "`RandomHorizontalFlip` changes training batches at random: it belongs under `augment`")
    ]


def test_what_arrives_is_described_without_torch(tmp_path: Path) -> None:
    data = Data(
        source=Digits(),
        preprocess=(Rescale(range=(-1, 1)), Resize(size=(28, 20))),
        augment=(RandomRotation(degrees=5),),
    )
    info = data.describe(tmp_path)
    assert info.input == TensorType((1, 28, 20))
    assert (info.target.classes, info.examples, info.range) == (10, 1797, (-1, 1))
    assert [type(step) for step in data.geometry] == [Resize]
    assert [type(step) for step in data.affine] == [Rescale]


def test_validating_imports_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import sys; from pathlib import Path; from builder.data.section import Data\n"
        "from builder.data.datasets.digits import Digits; from builder.data.transforms.resize import Resize\n"
        "from builder.training import section\n"
        "Data(source=Digits(), preprocess=(Resize(size=28),)).describe(Path())\n"
        "heavy = {'torch', 'numpy', 'sklearn', 'kornia', 'mlxtend'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def _table(folder: Path, **arrays: Any) -> NPZ:
    np.savez(folder / "a.npz", **arrays)
    return NPZ(path="a.npz")


def test_misfits_name_their_field(tmp_path: Path) -> None:
    table = _table(tmp_path, x=np.zeros((40, 3)), y=np.zeros(40, int))
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"source": NPZ(path="no.npz")}, "source", "there is no file `no.npz`"),
        (
            {"source": table, "preprocess": (Standardize(), Resize(size=4))},
            "preprocess.1",
            "`Resize` needs images (C, H, W), and N×3 arrives",
        ),
        (
            {"source": table, "preprocess": (Rescale(),)},
            "preprocess.0",
            "`Rescale` needs a source with a declared range",
        ),
        (
            {"source": Digits(), "preprocess": (Standardize(), Rescale())},
            "preprocess.1",
            "`Rescale` needs a source with a declared range",
        ),
        (
            {"source": table, "augment": (RandomRotation(degrees=3),)},
            "augment.0",
            "`RandomRotation` needs images (C, H, W), and N×3 arrives",
        ),
        (
            {"source": table, "split": Split(train=0.99, test=0.01)},
            "split",
            "the part `test` would be empty: 0.01 of 40 examples",
        ),
        (
            {"source": Digits(), "preprocess": (Resize(size=(2000, 2000)),)},
            "preprocess",
            "the data would fill 26.8 GiB of memory, and 4 are allowed",
        ),
    ]
    for fields, field, problem in cases:
        with pytest.raises(Cause) as caught:
            Data(**fields).describe(tmp_path)
        assert (caught.value.field, caught.value.problem) == (field, problem)


def test_a_source_with_its_own_test_part(tmp_path: Path) -> None:
    x, y = np.zeros((20, 3)), np.arange(20) % 2
    source = _table(tmp_path, x_train=x, y_train=y, x_test=x, y_test=y)
    data = Data(source=source)
    assert data.splits(data.describe(tmp_path)) == Split(train=0.85, validation=0.15)
    with pytest.raises(Cause, match="the source brings its own test part of 20 examples"):
        Data(source=source, split=Split(train=0.8, test=0.2)).describe(tmp_path)


def _labels(counts: list[int]) -> NDArray[Any]:
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))


@pytest.mark.parametrize(
    "counts", [[500] * 10, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180], [97, 3, 11]]
)
@pytest.mark.parametrize("shares", [(0.7, 0.15, 0.15), (0.8, 0.0, 0.2), (0.5, 0.25, 0.25)])
def test_parts_hold_every_class_in_its_share(counts: list[int], shares: tuple[float, ...]) -> None:
    y = _labels(counts)
    split = Split(**dict(zip(PARTS, shares, strict=True)))
    parts = split.indices(y, len(counts))
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(len(y)))
    assert tuple(len(parts[name]) for name in PARTS) == split.sizes(len(y))
    for name, share in zip(PARTS, shares, strict=True):
        found = np.bincount(y[parts[name]], minlength=len(counts))
        assert (abs(found - share * np.array(counts)) <= 1.01).all(), name


def test_a_split_follows_from_its_seed_alone() -> None:
    y = _labels([50] * 4)
    first, again = (Split(train=0.5, test=0.5, seed=3).indices(y, 4)["test"] for _ in range(2))
    other = Split(train=0.5, test=0.5, seed=4).indices(y, 4)["test"]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    # The stream is NumPy's frozen one: these stay as they are for ever.
    assert Split(train=0.5, test=0.5).indices(np.arange(8) % 2, 2)["test"].tolist() == FROZEN


FROZEN = [0, 3, 4, 5]


def test_reals_are_shuffled_and_cut() -> None:
    parts = Split(train=0.75, validation=0.25).indices(np.zeros((40, 2)), None)
    assert [len(parts[name]) for name in PARTS] == [30, 10, 0]
    assert parts["train"].tolist() != list(range(30))


def test_a_class_seen_outside_training_only() -> None:
    seen = {"train": np.array([0, 1]), "validation": np.array([1]), "test": np.array([0, 2])}
    with pytest.raises(DataError) as caught:
        check_labels(seen, 3)
    assert caught.value.problem == (
        "the part `test` holds class 2, of which the training part has no example (2 of 3 classes are there)"
    )
    check_labels(seen | {"test": np.array([0])}, 3)


@pytest.mark.parametrize("y_test", [None, [0, 1, 5]])
def test_a_class_seen_outside_training_only_is_told_before_anything_is_loaded(
    tmp_path: Path, y_test: list[int] | None
) -> None:
    """Here the one example of class 5 is in the source's own test part, or falls into the split's."""
    arrays: dict[str, Any] = {"x": np.zeros((101, 4), np.float32), "y": np.array([0, 1] * 50 + [5])}
    if y_test is not None:
        arrays = {"x_train": arrays["x"][:100], "y_train": arrays["y"][:100]}
        arrays |= {"x_test": np.zeros((3, 4), np.float32), "y_test": np.array(y_test)}
    np.savez(tmp_path / "a.npz", **arrays)
    split = None if y_test else Split(train=0.25, test=0.75)
    with pytest.raises(
        Cause, match="the part `test` holds class 5, of which the training part has no"
    ) as told:
        Data(source=NPZ(path="a.npz"), split=split).describe(tmp_path)
    assert told.value.field == ("split" if split else "source")
