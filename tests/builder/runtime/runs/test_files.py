"""Files that are whole or not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from builder.errors import WeightsError
from builder.runtime import build
from builder.runtime.runs.files import load_weights, write_atomically, write_json, write_tensors
from builder.spec.spec import ModelSpec

Small = Callable[..., ModelSpec]


def test_a_write_that_fails_leaves_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, lambda file: file.write_text("before"))

    def fail(file: Path) -> None:
        file.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, fail)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_json_keeps_its_letters(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "é"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "name": "é"\n}\n'


def test_weights_go_back_even_not_a_number(small: Small, tmp_path: Path) -> None:
    spec = small()
    one, other = build(spec, 1), build(spec, 2)
    with torch.no_grad():
        one.get_parameter("linear_1.weight")[0, 0] = torch.nan
    write_tensors(tmp_path / "w.safetensors", one.state_dict(), {"a": "b"})
    assert load_weights(other, tmp_path / "w.safetensors", spec.graph.state) == {"a": "b"}
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor.isnan(), other.state_dict()[name].isnan())
        assert torch.equal(tensor.nan_to_num(), other.state_dict()[name].nan_to_num())


def test_any_layout_of_memory_is_written(tmp_path: Path) -> None:
    x = torch.arange(6.0).reshape(2, 3).t()
    write_tensors(tmp_path / "w.safetensors", {"x": x}, {})
    with safe_open(tmp_path / "w.safetensors", "pt") as file:
        assert torch.equal(file.get_tensor("x"), x)


def test_weights_of_another_network_are_refused(small: Small, tmp_path: Path) -> None:
    spec, other = small(), small("layers[1].Linear=25")
    write_tensors(tmp_path / "w.safetensors", build(other).state_dict(), {})
    with pytest.raises(
        WeightsError, match=r"`linear_1\.weight`: expected \[24, 64\] of F32, found \[25, 64\]"
    ):
        load_weights(build(spec), tmp_path / "w.safetensors", spec.graph.state)


def test_the_same_tensors_are_the_same_bytes(tmp_path: Path) -> None:
    said = {name: name * 3 for name in "abcdef"}
    x = {"x": torch.randn(3, 5), "y": torch.tensor(2)}
    for name in "pqr":
        write_tensors(tmp_path / name, x, said)
    assert len({(tmp_path / name).read_bytes() for name in "pqr"}) == 1
    with safe_open(tmp_path / "p", "pt") as file:
        assert file.metadata() == said
        assert torch.equal(file.get_tensor("x"), x["x"])
        assert torch.equal(file.get_tensor("y"), x["y"])
