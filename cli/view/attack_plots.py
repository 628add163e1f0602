"""Plots of attacks: accuracy against distance, and what an attacked example looks like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from builder.files.pictures import new_figure
from cli.view.plots import WRONG

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from builder.runtime.attacks.results import Pictures, Robustness

COLUMNS: Final = ("clean", "change", "attacked")
INK: Final = "#111827"


def plot_curves(found: Robustness, path: Path) -> None:
    """The accuracy that is left, against eps, one line for each attack."""
    curves = found.curves
    norms = list(dict.fromkeys(curve.attack.norm for curve in curves.values()))
    figure = new_figure(4.6 * len(norms), 3.6)
    for axes, norm in zip(figure.subplots(1, len(norms), squeeze=False)[0], norms, strict=True):
        for name, curve in curves.items():
            if curve.attack.norm == norm:
                axes.plot(curve.eps, curve.accuracy, marker="o", markersize=3.5, label=name)
        if found.worst is not None and len(norms) == 1:
            axes.plot(found.worst.eps, found.worst.accuracy, color=INK, linestyle=":", label="all")
        axes.axhline(found.clean, color="#9ca3af", linewidth=0.8, linestyle="--")
        axes.set_ylim(-0.02, 1.02)
        axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.set_xlabel(f"eps ({norm}; the source's range is 1)")
        axes.grid(True, alpha=0.3)
        axes.legend()
    figure.axes[0].set_ylabel("accuracy")
    figure.axes[0].set_title(f"{found.examples:,} examples of the {found.part} part", loc="left", fontsize=10)
    figure.savefig(path)


def plot_examples(pictures: Pictures, classes: Sequence[str], path: Path) -> None:
    """Each example without and with the attack, the change between them amplified, and what is said of both.

    Grey in the change is none; its largest value becomes black or white.
    """
    change = pictures.attacked - pictures.clean
    reach = max(float(change.abs().max()), 1e-12)
    count = len(pictures.labels)
    figure = new_figure(5.4, 0.5 + 1.75 * count)
    every = figure.subplots(count, 3, squeeze=False)
    for i, row in enumerate(every):
        shown = (pictures.clean[i], change[i] / (2 * reach) + 0.5, pictures.attacked[i])
        said = [
            f"{_class(classes, k)} ({sure:.0%})"
            for k, sure in zip(pictures.said[i], pictures.sure[i], strict=True)
        ]
        words = (said[0], f"× {0.5 / reach:.3g}", said[1])
        wrong = pictures.said[i][1] != pictures.labels[i]
        for axes, image, word, colour in zip(
            row, shown, words, (INK, INK, WRONG if wrong else INK), strict=True
        ):
            _image(axes, image)
            axes.set_xlabel(word, color=colour, fontsize=9)
    for axes, title in zip(every[0], COLUMNS, strict=True):
        axes.set_title(title, fontsize=10)
    distance = "" if pictures.eps is None else f", eps {pictures.eps:.3g}"
    figure.suptitle(f"{pictures.attack}{distance}", fontsize=10)
    figure.savefig(path)


def _image(axes: Axes, image: Tensor) -> None:
    axes.imshow(
        image.movedim(0, -1).squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest"
    )
    axes.set_xticks([])
    axes.set_yticks([])


def _class(classes: Sequence[str], number: int) -> str:
    return classes[number] if number < len(classes) else str(number)
