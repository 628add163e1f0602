"""Pictures of samples, read back: what stands where, and what cannot be drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from builder.files.pictures import GAP, write_animation, write_curves, write_grid, write_samples


def _pixels(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_grid_has_each_image_in_its_place_enlarged(tmp_path: Path) -> None:
    images = np.zeros((5, 1, 8, 8), np.float32)
    images[:, 0, 0, 0] = [0, 0.2, 0.4, 0.6, 1]
    images[4, 0, 7, 7] = np.nan
    write_grid(tmp_path / "grid.png", images, columns=3)
    pixels = _pixels(tmp_path / "grid.png")
    assert pixels.shape == (2 * (56 + GAP) + GAP, 3 * (56 + GAP) + GAP)  # 8 pixels become 56
    corners = [pixels[GAP + r * (56 + GAP), GAP + c * (56 + GAP)] for r in range(2) for c in range(3)]
    assert corners == [0, 51, 102, 153, 255, 255]  # where no image is, the ground is white
    assert (pixels[GAP : GAP + 56, GAP : GAP + 56] == 0).all()
    assert pixels[GAP + 60 + 55, GAP + 60 + 55] == 0, "what is no number is black"


def test_colours_and_the_range(tmp_path: Path) -> None:
    images = np.stack([np.full((64, 64), value, np.float32) for value in (-1, 0, 3)])[None]
    assert write_samples(tmp_path / "rgb.png", images, span=(-1, 1))
    assert _pixels(tmp_path / "rgb.png")[GAP, GAP].tolist() == [0, 128, 255]
    assert write_samples(tmp_path / "rgb.png", images, real=np.array([[[[-1.0]], [[1.0]], [[7.0]]]]))
    assert _pixels(tmp_path / "rgb.png")[GAP, GAP].tolist() == [0, 32, 128]


def test_points_are_seen_in_the_plane_of_the_real_ones(tmp_path: Path) -> None:
    real = np.random.default_rng(0).normal(size=(100, 2))
    assert write_samples(tmp_path / "a.png", real + 0.1, real)
    assert write_samples(tmp_path / "b.png", np.array([[np.nan, 0], [1e9, 0]]), real)
    a, b = _pixels(tmp_path / "a.png"), _pixels(tmp_path / "b.png")
    assert a.shape == b.shape
    assert (a[-30:] == b[-30:]).all(), "the axis below does not move with the samples"
    assert (a != b).any()


@pytest.mark.parametrize(("shape", "drawn"), [((4, 12, 1), True), ((4, 30), False), ((4, 5, 8, 8), False)])
def test_other_shapes(tmp_path: Path, shape: tuple[int, ...], drawn: bool) -> None:
    assert write_samples(tmp_path / "a.png", np.random.default_rng(0).random(shape)) is drawn
    assert (tmp_path / "a.png").exists() is drawn
    assert not write_samples(tmp_path / "none.png", np.zeros((0, 1, 8, 8)))


def test_an_animation_follows_the_pictures(tmp_path: Path) -> None:
    paths = [tmp_path / f"{k}.png" for k in range(3)]
    for k, path in enumerate(paths):
        write_grid(path, np.full((1, 1, 8, 8), k / 2, np.float32))
    assert write_animation(tmp_path / "a.gif", [*paths, tmp_path / "gone.png"])
    with Image.open(tmp_path / "a.gif") as film:
        assert (film.n_frames, film.info["loop"]) == (3, 0)  # type: ignore[attr-defined]
        shades = []
        for k in range(3):
            film.seek(k)
            shades.append(film.convert("L").getpixel((GAP, GAP)))
    assert shades == [0, 128, 255]
    assert not write_animation(tmp_path / "b.gif", paths[:1])


def test_long_animations_leave_some_out(tmp_path: Path) -> None:
    paths = [tmp_path / f"{k:03}.png" for k in range(205)]
    for k, path in enumerate(paths):
        Image.new("L", (4, 4), k).save(path)
    assert write_animation(tmp_path / "a.gif", paths)
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 200  # type: ignore[attr-defined]
        film.seek(199)
        assert film.convert("L").getpixel((0, 0)) == 204


def test_curves_of_a_run(tmp_path: Path) -> None:
    history = [
        {"epoch": 1.0, "generator_loss": 1.0, "discriminator_loss": 0.5, "modes": None, "seconds": 1.0},
        {"epoch": 2.0, "generator_loss": 0.9, "discriminator_loss": 0.6, "modes": 8.0, "seconds": 1.0},
    ]
    assert write_curves(tmp_path / "curves.png", history)
    one = _pixels(tmp_path / "curves.png").shape
    assert write_curves(tmp_path / "more.png", [line | {"real_score": 0.5} for line in history])
    assert _pixels(tmp_path / "more.png").shape[1] * 2 == one[1] * 3, "a third panel beside two"
    assert not write_curves(tmp_path / "none.png", [{"epoch": 1.0, "seconds": 1.0, "modes": None}])
    assert not (tmp_path / "none.png").exists()
