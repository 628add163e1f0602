"""TimeSeries: windows, parts in time's order without a shared value, and tables that cannot be used."""

from __future__ import annotations

import csv
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from builder.data.datasets.time_series import TimeSeries
from builder.data.section import Data, Split
from builder.data.transforms.standardize import Standardize
from builder.errors import Cause, DataError
from builder.runtime.data.splits import load_arrays, load_splits


def _table(folder: Path, *rows: str) -> None:
    (folder / "a.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_windows_slide_along_the_column(tmp_path: Path) -> None:
    _table(tmp_path, "day,price,other", *(f"{i},{10 * i},0" for i in range(6)))
    found = TimeSeries(path="a.csv", column="price", window=3, horizon=2).load(tmp_path)
    assert found.x[:, :, 0].tolist() == [[0, 10, 20], [10, 20, 30]]
    assert found.y.tolist() == [[30, 40], [40, 50]]


def test_what_ships_is_what_its_table_says(tmp_path: Path) -> None:
    with resources.files("specs").joinpath("data", "sunspots.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["year"], rows[-1]["year"], len(rows)) == ("1700", "2008", 309)
    found = TimeSeries(shipped="sunspots", window=11).load(tmp_path)
    whole = [*found.x[:, 0, 0], *found.x[-1, 1:, 0], found.y[-1, 0]]
    np.testing.assert_allclose(whole, [float(row["sunspots"]) for row in rows], rtol=1e-6)


def test_no_part_sees_a_value_of_another(tmp_path: Path) -> None:
    _table(tmp_path, "value", *map(str, range(100)))
    data = Data(
        source=TimeSeries(path="a.csv", window=4, horizon=2), split=Split(train=0.6, validation=0.2, test=0.2)
    )
    held = []
    for part in ("train", "validation", "test"):
        x, y, _ = load_arrays(data, tmp_path, part)
        held.append({*x.ravel(), *y.ravel()})
    assert all(len(values) for values in held)
    assert max(held[0]) < min(held[1]) and max(held[1]) < min(held[2])


def test_it_is_standardised_by_the_training_part_and_the_target_alike(tmp_path: Path) -> None:
    _table(tmp_path, "value", *map(str, range(200)))
    data = Data(source=TimeSeries(path="a.csv", window=5), preprocess=(Standardize(),))
    splits = load_splits(data, tmp_path)
    x, y, _ = load_arrays(data, tmp_path, "train")
    assert splits.test is not None
    np.testing.assert_allclose(splits.train.x.numpy(), (x - x.mean()) / x.std(), atol=1e-5)
    np.testing.assert_allclose(splits.train.y.numpy(), (y - x.mean()) / x.std(), atol=1e-5)
    units = splits.preprocessing.in_units(splits.test.y).numpy()
    np.testing.assert_allclose(units, load_arrays(data, tmp_path, "test")[1], rtol=1e-5)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (("value", "1", "2,3"), "row 3 of the table has 2 values, and the header 1"),
        (("value", "1", "north", "3"), 'row 3 of the column `value` holds "north", which is no number'),
        (("value", "1", "inf", "3"), 'row 3 of the column `value` holds "inf", which is no number'),
        (("", "value", "", "1", "1_000"), 'row 5 of the column `value` holds "1_000", which is no number'),
        (("day,value", "1,2", "2,"), "row 3 of the column `value` holds nothing, which is no number"),
        (("value", "1", "1e39"), 'row 3 of the column `value` holds "1e39", which is too large a number'),
        (("0,0", "1,1", "2,2", "3,3"), "the table has no header: its first row holds numbers alone"),
        (("value", "1"), "the series has 1 values, and a window and its target need 3"),
        (("",), "the table is empty"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path: Path, rows: tuple[str, ...], problem: str) -> None:
    _table(tmp_path, *rows)
    source = TimeSeries(path="a.csv", window=2)
    with pytest.raises(Cause) as told:
        source.describe(tmp_path)
    assert told.value.problem == problem
    with pytest.raises(DataError):
        source.load(tmp_path)
