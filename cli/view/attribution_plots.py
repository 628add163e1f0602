"""Pictures of what a decision rests on, as PNG: red speaks for, blue against."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from builder.files.pictures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray

    from builder.runtime.insight.attribution import Attributed, Explanation

SIGNED: Final = "RdBu_r"
UNSIGNED: Final = "Reds"
HEAT: Final = "YlOrRd"
FAINT: Final = 0.25  # how much of an image is seen below what lies over it
MOST_BARS: Final = 30  # features that are named beside their bars
MOST_TOKENS: Final = 480
WIDE: Final = 80  # columns of text
INCH: Final = 11  # characters of a heading
SEEN: Final = {"\n": "↵", "\t": "→", "\r": "↵"}
INK: Final = "#111827"


def plot_explanation(of: Explanation, heading: str, path: Path) -> None:
    """The example, and a panel for each method. Raises ``RunError`` where matplotlib is not installed."""
    draw = {"image": _image, "table": _table, "sequence": _sequence, "tokens": _tokens}[of.kind]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a character that the font lacks is a box
        figure = draw(of)
        room = int(figure.get_figwidth() * INCH)
        lines = "\n".join(textwrap.wrap(heading, room))
        figure.suptitle(lines, x=0.01, ha="left", fontsize=11, parse_math=False)
        figure.savefig(path)


def _image(of: Explanation) -> Figure:
    import numpy as np

    high, wide = of.x.shape[1:]
    figure = new_figure(2.6 * (1 + len(of.found)), 1.4 + 2.3 * min(3.0, high / wide))
    first, *others = figure.subplots(1, 1 + len(of.found), squeeze=False)[0]
    picture = _unit(of.x if len(of.x) in (1, 3) else of.x.mean(axis=0, keepdims=True)).transpose(1, 2, 0)
    colour = picture.shape[2] == 3
    shown = first.imshow(picture if colour else picture[..., 0], cmap="gray", vmin=0, vmax=1)
    _measured(figure, first, shown, empty=colour)
    first.set_title("input\n", fontsize=9)
    grey = picture.mean(axis=2)
    if grey.mean() < 0.5:  # light on dark: turned round, so that what lies over it stands out
        grey = 1 - grey
    for axes, found in zip(others, of.found, strict=True):
        reach = float(np.abs(found.heat).max()) or 1.0
        axes.imshow(1 - FAINT * (1 - grey), cmap="gray", vmin=0, vmax=1)
        image = axes.imshow(
            found.heat,
            cmap=SIGNED if found.signed else HEAT if found.layer else UNSIGNED,
            vmin=-reach if found.signed else 0,
            vmax=reach,
            alpha=np.sqrt(np.abs(found.heat) / reach) * (0.8 if found.layer else 1.0),
        )
        _measured(figure, axes, image)
        _titled(axes, found)
    for axes in (first, *others):
        axes.set_xticks([])
        axes.set_yticks([])
    return figure


def _table(of: Explanation) -> Figure:
    import numpy as np

    count = len(of.x)
    few = count <= MOST_BARS
    figure = new_figure(1.2 + 2.6 * len(of.found), max(2.4, 1.2 + 0.22 * min(count, MOST_BARS)))
    every = figure.subplots(1, len(of.found), sharey=True, squeeze=False)[0]
    for axes, found in zip(every, of.found, strict=True):
        axes.barh(np.arange(count), found.heat, color=_colours(found.heat), height=0.8 if few else 1.0)
        axes.axvline(0, color=INK, linewidth=0.6)
        axes.tick_params(labelsize=8)
        axes.xaxis.set_major_locator(_few())
        _titled(axes, found)
    every[0].set_ylim(count - 0.5, -0.5)
    if few:
        every[0].set_yticks(np.arange(count), [f"{value:.4g}  [{i}]" for i, value in enumerate(of.x)])
        every[0].set_ylabel("value  [feature]")
    else:
        every[0].set_ylabel("feature")
    return figure


def _sequence(of: Explanation) -> Figure:
    import numpy as np

    steps, features = of.x.shape
    each = 1.3 if features <= 4 else min(2.6, 0.9 + 0.08 * features)
    figure = new_figure(8, 0.8 + each * (1 + len(of.found)))
    every = figure.subplots(1 + len(of.found), 1, sharex=True, squeeze=False)[:, 0]
    time = np.arange(1, steps + 1)
    box = (0.5, steps + 0.5, features - 0.5, -0.5)
    if features <= 4:
        for number in range(features):
            every[0].plot(time, of.x[:, number], label=f"feature {number}", linewidth=1.2)
        if features > 1:
            place = {"loc": "lower right", "bbox_to_anchor": (1, 0.98), "ncols": features}
            every[0].legend(fontsize=7, frameon=False, **place)
    else:
        every[0].imshow(of.x.T, aspect="auto", interpolation="nearest", cmap="gray", extent=box)
        every[0].set_ylabel("feature", fontsize=8)
        every[0].yaxis.set_major_locator(_few(integer=True))
    every[0].set_title("input", fontsize=9, loc="left")
    for axes, found in zip(every[1:], of.found, strict=True):
        if features == 1:
            axes.bar(time, found.heat[:, 0], color=_colours(found.heat[:, 0]), width=1.0)
            axes.axhline(0, color=INK, linewidth=0.6)
        else:
            reach = float(np.abs(found.heat).max()) or 1.0
            image = axes.imshow(
                found.heat.T,
                aspect="auto",
                interpolation="nearest",
                cmap=SIGNED if found.signed else UNSIGNED,
                vmin=-reach if found.signed else 0,
                vmax=reach,
                extent=box,
            )
            figure.colorbar(image, ax=axes, pad=0.01)
            axes.set_ylabel("feature", fontsize=8)
            axes.yaxis.set_major_locator(_few(integer=True))
        axes.set_title(f"{found.method}: {found.shows}", fontsize=9, loc="left")
    for axes in every:
        axes.tick_params(labelsize=8)
        if of.step is not None:
            axes.axvline(of.step, color=INK, linewidth=0.8, linestyle=":")
    every[-1].set_xlabel("step")
    return figure


def _tokens(of: Explanation) -> Figure:
    import numpy as np

    start = max(0, (of.step or len(of.x)) - MOST_TOKENS)
    words = list(of.words or map(str, of.x))[start : start + MOST_TOKENS]
    places, rows = _laid_out(words)
    figure = new_figure(8, 0.9 + (0.45 + 0.24 * rows) * len(of.found))
    for axes, found in zip(figure.subplots(len(of.found), 1, squeeze=False)[:, 0], of.found, strict=True):
        heat = found.heat[start : start + len(words)]
        reach = float(np.abs(heat).max()) or 1.0
        for number, (word, (row, column, wide), value) in enumerate(zip(words, places, heat, strict=True)):
            asked = of.step is not None and start + number == of.step - 1
            axes.add_patch(_cell(column, row, wide, _colour(value / reach, found.signed), asked))
            axes.text(
                column + wide / 2, row + 0.53, "".join(SEEN.get(c, c) for c in word),
                ha="center", va="center", fontsize=8, family="monospace", parse_math=False,
                color="white" if abs(value) > 0.7 * reach else INK,
            )  # fmt: skip
        axes.set_xlim(0, WIDE)
        axes.set_ylim(rows, 0)
        axes.set_axis_off()
        scale = f"strongest {reach:.2g}" + ("; red for, blue against" if found.signed else "")
        if len(words) < len(of.x):
            scale += f"; tokens {start + 1} to {start + len(words)}"
        axes.set_title(f"{found.method}: {found.shows}  ({scale})", fontsize=9, loc="left")
    return figure


def _laid_out(words: Sequence[str]) -> tuple[list[tuple[int, int, int]], int]:
    """Where each word stands, row, column and width, in rows of ``WIDE`` columns; and how many rows there are.

    >>> _laid_out(["a", "b"]), _laid_out(["the", "cat"])
    (([(0, 0, 1), (0, 1, 1)], 1), ([(0, 0, 4), (0, 4, 4)], 1))
    """
    gap = 0 if all(len(word) == 1 for word in words) else 1
    places, row, column = [], 0, 0
    for word in words:
        wide = min(WIDE, len(word) + gap)
        if column + wide > WIDE:
            row, column = row + 1, 0
        places.append((row, column, wide))
        column += wide
    return places, row + 1


def _cell(column: float, row: float, wide: float, colour: Any, asked: bool) -> Any:
    from matplotlib.patches import Rectangle

    edge = INK if asked else "none"
    return Rectangle((column, row + 0.04), wide, 0.92, facecolor=colour, edgecolor=edge, linewidth=1.5)


def _colour(value: float, signed: bool) -> Any:
    """The colour of a value from −1 (or 0) to 1."""
    from matplotlib import colormaps

    return colormaps[SIGNED]((value + 1) / 2) if signed else colormaps[UNSIGNED](value)


def _colours(values: NDArray[Any]) -> list[Any]:
    """Red for what speaks for, blue for what speaks against."""
    return [_colour(0.75 if value > 0 else -0.75, True) for value in values]


def _few(integer: bool = False) -> Any:
    """Three ticks or four."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(3, integer=integer)


def _measured(figure: Figure, axes: Axes, image: AxesImage, *, empty: bool = False) -> None:
    """Says below an image what its colours mean; ``empty`` keeps the room alone, so that images stand in line."""
    bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.9, pad=0.03, aspect=25)
    bar.ax.tick_params(labelsize=7)
    bar.locator = _few()
    if empty:
        bar.ax.set_axis_off()
        for part in bar.ax.get_children():
            part.set_visible(False)


def _titled(axes: Axes, found: Attributed) -> None:
    shows = found.shows if found.layer is None else f"where {found.layer} speaks for it"
    axes.set_title(f"{found.method}\n{shows}", fontsize=9)


def _unit(x: NDArray[Any]) -> NDArray[Any]:
    """An image within [0, 1]: as it is, if it lies there, else stretched from its least to its largest value."""
    low, high = float(x.min()), float(x.max())
    return x if low >= 0 and high <= 1 else (x - low) / ((high - low) or 1.0)
