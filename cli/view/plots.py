"""Plots, as PNG. matplotlib is loaded only to draw one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

from builder.files.pictures import COLOUR, new_figure

if TYPE_CHECKING:
    from builder.runtime.insight.gradient_flow import GradientFlow
    from builder.runtime.insight.through_time import ThroughTime

LEAST: Final = 1e-30  # what is drawn of a gradient of nothing
MOST: Final = 1e200  # what is drawn of all that is larger: matplotlib overflows before doubles do
WRONG: Final = "#dc2626"
NOTHING: Final = "#9ca3af"  # behind a picture: seen where it is no number


def plot_norms(flow: GradientFlow, path: Path) -> None:
    """‖∂loss/∂state_t‖ over time, on a logarithmic scale; a cross at the top is infinite or NaN."""
    import numpy as np

    figure = new_figure(7, 3.6)
    axes = figure.subplots()
    steps, known = np.arange(1, len(flow.norms) + 1), np.isfinite(flow.norms)
    drawn = np.where(known, flow.norms, np.nan).clip(LEAST, MOST)
    axes.semilogy(steps, drawn, color=COLOUR, marker="" if known.all() else ".")
    if not known.all():
        top = np.ones((~known).sum())
        axes.plot(
            steps[~known], top, "x", color=WRONG, label="infinite or NaN",
            transform=axes.get_xaxis_transform(), clip_on=False,
        )  # fmt: skip
        axes.set_xlim(0.5, len(steps) + 0.5)
        axes.legend()
    axes.set_xlabel("step t")
    axes.set_ylabel(f"‖∂loss/∂{_math(flow.state)}‖")
    axes.set_title(f"{flow.layer} ({flow.seen.cell.name})", loc="left")
    axes.grid(True, which="major", alpha=0.3)
    figure.savefig(path)


def plot_gates(seen: ThroughTime, path: Path, example: int = 0) -> None:
    """Every gate and state over one sequence, units × time, and what each state hands on.

    The conveyor belt of an LSTM: the last picture is f ⊙ c of the step before. What is infinite or NaN is grey.
    """
    pictures = {f"${_tex(name)}$": tensor[example] for name, tensor in seen.values.items()}
    for state in seen.cell.carried:
        if state in seen.values and (kept := seen.carried_on(state)) is not None:
            pictures[f"kept of ${_tex(state, 't-1')}$"] = kept[example]
    figure = new_figure(8, 1.1 + 1.15 * len(pictures))
    every = figure.subplots(len(pictures), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (label, picture) in zip(every, pictures.items(), strict=True):
        picture = picture.where(picture.isfinite(), math.nan).clamp(-MOST, MOST)
        known = picture[picture.isfinite()]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
        reach = max(abs(low), abs(high), 1e-12)
        signed = low < 0
        image = axes.imshow(
            picture.T.numpy(),
            aspect="auto",
            interpolation="nearest",
            cmap="RdBu_r" if signed else "viridis",
            vmin=-reach if signed else 0,
            vmax=reach if signed else max(1.0, high),
            extent=(0.5, len(picture) + 0.5, picture.shape[1] + 0.5, 0.5),
        )
        axes.set_facecolor(NOTHING)
        axes.set_ylabel(label, rotation=0, ha="right", va="center")
        axes.set_yticks([])
        figure.colorbar(image, ax=axes, pad=0.01)
    every[0].set_title(f"{seen.cell.name}: every unit over one sequence", loc="left")
    every[-1].set_xlabel("step t")
    figure.savefig(path)


def _math(name: str) -> str:
    return f"${_tex(name)}$"


def _tex(name: str, time: str = "t") -> str:
    r"""A value as matplotlib sets it.

    >>> _tex("h"), _tex("c_tilde"), _tex("gate_1", "t-1")
    ('h_{t}', '\\tilde{c}_{t}', '\\mathrm{gate\\_1}_{t-1}')
    """
    letter, _, accent = name.rpartition("_")
    if len(letter) == 1 and accent in ("tilde", "hat", "bar"):
        return rf"\{accent}{{{letter}}}_{{{time}}}"
    plain = name if len(name) == 1 else rf"\mathrm{{{name.replace('_', chr(92) + '_')}}}"
    return f"{plain}_{{{time}}}"
