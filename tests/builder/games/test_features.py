"""What stands for examples when samples are compared."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from builder.data.datasets.digits import Digits
from builder.data.info import DataInfo, Target
from builder.data.section import Data
from builder.errors import Cause, DataError
from builder.games.features import finite, refuse_tokens
from builder.games.measures.frechet_distance import frechet_distance
from builder.shapes import TensorType

DATA = Data(source=Digits())


def test_tokens_have_no_distance() -> None:
    info = DataInfo(TensorType((5,), vocabulary=9), Target(9), 10)
    with pytest.raises(Cause, match="`frechet_distance` needs examples of real numbers"):
        refuse_tokens(info, "frechet_distance")


def test_rows_of_numbers() -> None:
    x = torch.zeros(3, 2, 2)
    x[0, 1, 1], x[2, 0, 0] = torch.nan, torch.inf
    assert finite(x).tolist() == [False, True, False]


def test_a_classifier_is_a_file_beside_the_spec(tmp_path: Path) -> None:
    info = DATA.describe(tmp_path)
    frechet_distance().check(DATA, info, tmp_path)
    frechet_distance().prepare(DATA, info, tmp_path)
    with pytest.raises(Cause, match="there is no file"):
        frechet_distance(classifier="a.onnx").check(DATA, info, tmp_path)
    (tmp_path / "a.onnx").write_bytes(b"no ONNX")
    frechet_distance(classifier="a.onnx").check(DATA, info, tmp_path)
    with pytest.raises(DataError, match="is no ONNX file"):
        frechet_distance(classifier="a.onnx").prepare(DATA, info, tmp_path)
