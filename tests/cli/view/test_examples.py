"""Examples of a user's own: arrays as they are, pictures as Pillow reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from builder import loads
from builder.errors import DataError
from cli.view.examples import image_channels, read_examples


def test_arrays(tmp_path: Path) -> None:
    x, lengths = np.random.default_rng(0).random((3, 5, 2)), np.array([5, 2, 1])
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=(x * 255).astype(np.uint8), lengths=lengths)
    found, none = read_examples(tmp_path / "x.npy")
    np.testing.assert_array_equal(found, x)
    assert none is None
    found, ends = read_examples(tmp_path / "x.npz")
    np.testing.assert_allclose(found, (x * 255).astype(np.uint8) / 255, rtol=1e-6)
    np.testing.assert_array_equal(ends, lengths)


@pytest.mark.parametrize(
    ("mode", "channels", "shape"),
    [
        ("L", None, (1, 1, 4, 6)),
        ("RGB", None, (1, 3, 4, 6)),
        ("RGBA", 1, (1, 1, 4, 6)),
        ("L", 3, (1, 3, 4, 6)),
    ],
)
def test_a_picture_has_the_channels_that_are_needed(
    mode: str, channels: int | None, shape: tuple[int, ...], tmp_path: Path
) -> None:
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    Image.fromarray(grey).convert(mode).save(tmp_path / "x.png")
    found, _ = read_examples(tmp_path / "x.png", channels)
    assert found.shape == shape and found.dtype == np.float32
    np.testing.assert_allclose(found, np.broadcast_to(grey / 255, shape), atol=1e-6)


def test_what_is_no_example(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "text.npy").write_text("no array")
    np.savez(tmp_path / "other.npz", y=np.zeros(3))
    Image.fromarray(np.zeros((2, 2), dtype=np.uint16)).save(tmp_path / "deep.png")
    np.save(tmp_path / "words.npy", np.array(["a"]))
    np.save(tmp_path / "complex.npy", np.zeros(3, dtype=complex))
    for name in ("text.png", "text.npy", "other.npz", "deep.png", "words.npy", "complex.npy"):
        with pytest.raises(DataError, match="holds no examples that can be read") as caught:
            read_examples(tmp_path / name)
        assert "pickle" not in str(caught.value), "nobody is told to unpickle"


def test_how_many_channels_a_source_has() -> None:
    digits = "layers: [Flatten, {Linear: 10}]\ndata: {source: Digits, preprocess: [RGB]}\n"
    assert image_channels(loads(f"input: [3, 8, 8]\n{digits}")) == 1
    assert image_channels(loads("input: [3, 8, 8]\nlayers: [Flatten]\n")) == 3
    assert image_channels(loads("input: [4]\nlayers: [{Linear: 1}]\n")) is None
