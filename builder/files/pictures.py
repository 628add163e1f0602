"""What samples look like, as PNG and GIF: grids of images, points of the plane, series, and a run's curves.

Arrays go in, files come out. Pillow and matplotlib are loaded only to draw.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from builder.errors import RunError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

DPI: Final = 150
COLOUR: Final = "#2563eb"
OTHER: Final = "#ea580c"
BEHIND: Final = "#9ca3af"  # what is real, behind what is made
SIDE: Final = 56  # pixels that an image of a grid has at least
GAP: Final = 4  # pixels between images
GROUND: Final = 255  # the grid between images is white: black is the ground of most
MOST_FRAMES: Final = 200
ANIMATION_MS: Final = 8000  # what all frames take, the last one's rest aside
FRAME_MS: Final = (60, 400)
REST_MS: Final = 1500
MOST_POINTS: Final = 2000
MOST_SERIES: Final = 12
MARGIN: Final = 0.35  # of the plane about real points, in their extent


def write_samples(
    path: Path,
    samples: NDArray[Any],
    real: NDArray[Any] | None = None,
    span: tuple[float, float] | None = None,
    columns: int | None = None,
) -> bool:
    """Draws samples N×… as a PNG: images of 1 or 3 channels, points of the plane, or series T×F.

    ``real`` are examples: drawn behind points and series, and what the range follows from where no ``span`` is
    given. ``columns`` is how many images stand in a row. Says whether there was anything to draw.
    """
    shape = samples.shape[1:]
    if not len(samples):
        return False
    if len(shape) == 3 and shape[0] in (1, 3):
        write_grid(path, samples, span or _span(samples if real is None else real), columns)
    elif shape == (2,):
        write_scatter(path, samples, real)
    elif len(shape) == 2 and shape[0] > 1:
        write_series(path, samples, real)
    else:
        return False
    return True


def write_grid(
    path: Path, images: NDArray[Any], span: tuple[float, float] = (0.0, 1.0), columns: int | None = None
) -> None:
    """Images N×C×H×W (1 or 3 channels) in rows, enlarged to be seen; ``span`` is from black to white."""
    import numpy as np
    from PIL import Image

    low, high = span
    count, channels, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    larger = max(1, math.ceil(SIDE / max(height, width)))
    shades = np.nan_to_num((images - low) / (high - low), nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
    pixels = np.rint(255 * shades).astype(np.uint8).transpose(0, 2, 3, 1)
    pixels = pixels.repeat(larger, axis=1).repeat(larger, axis=2)
    high_cell, wide_cell = height * larger + GAP, width * larger + GAP
    grid = np.full((rows * high_cell + GAP, columns * wide_cell + GAP, channels), GROUND, np.uint8)
    for place, image in enumerate(pixels):
        top, left = place // columns * high_cell + GAP, place % columns * wide_cell + GAP
        grid[top : top + height * larger, left : left + width * larger] = image
    Image.fromarray(grid[:, :, 0] if channels == 1 else grid).save(path, "PNG", optimize=True)


def write_scatter(path: Path, points: NDArray[Any], real: NDArray[Any] | None = None) -> None:
    """Points of the plane N×2, those that are real behind them.

    What is seen of the plane follows from the real ones alone, so that pictures of several epochs compare.
    """
    import numpy as np

    figure = new_figure(4.2, 4.2)
    axes = figure.subplots()
    ground = points if real is None else real
    ground = ground[np.isfinite(ground).all(axis=1)]
    if real is not None:
        x, y = ground[:MOST_POINTS].T
        axes.scatter(x, y, s=5, color=BEHIND, linewidths=0, label="data")
    shown = points[:MOST_POINTS]
    x, y = shown.T
    axes.scatter(x, y, s=5 if len(x) > 300 else 14, color=COLOUR, alpha=0.6, linewidths=0, label="samples")
    if len(ground):
        low, high = ground.min(axis=0), ground.max(axis=0)
        middle, reach = (low + high) / 2, max(float((high - low).max()), 1e-6) * (0.5 + MARGIN / 2)
        axes.set_xlim(middle[0] - reach, middle[0] + reach)
        axes.set_ylim(middle[1] - reach, middle[1] + reach)
        with np.errstate(invalid="ignore"):
            outside = int((~(np.abs(shown - middle) <= reach).all(axis=1)).sum())
        if outside:  # a title would move everything below it
            told = f"{outside} of {len(shown)} samples lie outside"
            axes.text(0.02, 0.02, told, fontsize=8, transform=axes.transAxes)
    axes.set_aspect("equal")
    axes.tick_params(labelsize=8)
    axes.grid(True, alpha=0.2)
    if real is not None:
        axes.legend(loc="upper right", fontsize=8, markerscale=2.5, frameon=False)
    figure.savefig(path)


def write_series(path: Path, series: NDArray[Any], real: NDArray[Any] | None = None) -> None:
    """The first series of N×T×F, each beside a real one behind it; of several features the first."""
    import numpy as np

    count = min(len(series), MOST_SERIES)
    columns = min(count, 3)
    figure = new_figure(2.6 * columns, 1.5 * math.ceil(count / columns))
    every = figure.subplots(math.ceil(count / columns), columns, sharex=True, sharey=True, squeeze=False)
    for place, axes in enumerate(every.flat):
        if place >= count:
            axes.set_axis_off()
            continue
        if real is not None:
            axes.plot(real[place % len(real), :, 0], color=BEHIND, linewidth=1, label="data")
        values = series[place, :, 0]
        axes.plot(np.where(np.isfinite(values), values, np.nan), color=COLOUR, linewidth=1, label="samples")
        axes.tick_params(labelsize=7)
    if real is not None:
        every.flat[0].legend(fontsize=7, frameon=False)
    figure.savefig(path)


def write_animation(path: Path, pictures: Sequence[Path]) -> bool:
    """The pictures one after the other, as a GIF that goes on and on and rests at the end.

    Of more than 200 some are left out, evenly; those that are not there any more too. Says whether there were
    two to follow each other.
    """
    from PIL import Image

    there = [picture for picture in pictures if picture.is_file()]
    if len(there) > MOST_FRAMES:
        there = [there[round(i * (len(there) - 1) / (MOST_FRAMES - 1))] for i in range(MOST_FRAMES)]
    if len(there) < 2:
        return False
    each = max(FRAME_MS[0], min(FRAME_MS[1], ANIMATION_MS // len(there)))
    frames = []
    for picture in there:
        with Image.open(picture) as image:
            frames.append(image.convert("L" if image.mode == "L" else "P", palette=Image.Palette.ADAPTIVE))
    times = [each] * (len(frames) - 1) + [REST_MS]
    frames[0].save(path, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0)
    return True


def write_curves(path: Path, history: Sequence[Mapping[str, float | None]]) -> bool:
    """Every figure of a run over its epochs: ``history`` are the lines of ``metrics.jsonl``.

    Losses share a panel, so do scores, and what was found of several parts of the data. Says whether there was
    anything to draw.
    """
    panels = _panels(history)
    if not panels:
        return False
    columns = min(len(panels), 3)
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(3.4 * columns, 2.6 * rows)
    every = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (title, names) in zip(every, panels.items(), strict=False):
        for name, colour in zip(names, (COLOUR, OTHER, BEHIND), strict=False):
            known = [(line["epoch"], line[name]) for line in history if line.get(name) is not None]
            axes.plot(
                *zip(*known, strict=True),
                color=colour,
                marker="." if len(known) <= 30 else "",
                label=name.removesuffix(f"_{title}").replace("_", " "),
            )
        _label(axes, title.replace("_", " "), len(names) > 1)
        if title == "score":
            axes.set_ylim(-0.03, 1.03)
    for axes in every[len(panels) :]:
        axes.set_axis_off()
    figure.savefig(path)
    return True


def new_figure(wide: float, high: float) -> Figure:
    """An empty figure of so many inches. Raises ``RunError`` where matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise RunError("plots need matplotlib, and it is not installed", "`pip install matplotlib`") from None
    return Figure(figsize=(wide, high), dpi=DPI, layout="constrained")


def _panels(history: Sequence[Mapping[str, float | None]]) -> dict[str, list[str]]:
    """The figures that are drawn together, under what they are."""
    found: dict[str, list[str]] = {}
    names: Iterable[str] = dict.fromkeys(name for line in history for name in line)
    for name in names:
        if name in ("epoch", "seconds") or all(line.get(name) is None for line in history):
            continue
        first, _, rest = name.partition("_")
        last = name.rpartition("_")[2]
        shared = last if last in ("loss", "score") else None
        title = shared or (rest if first in ("train", "validation") else name)
        found.setdefault(title, []).append(name)
    return found


def _label(axes: Axes, title: str, several: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title, loc="left", fontsize=9)
    axes.set_xlabel("epoch", fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(labelsize=8)
    axes.grid(True, alpha=0.3)
    if several:
        axes.legend(fontsize=8, frameon=False)


def _span(images: NDArray[Any]) -> tuple[float, float]:
    """From the least to the largest value that is a number."""
    import numpy as np

    known = images[np.isfinite(images)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return (low, high) if low < high else (low, low + 1)
