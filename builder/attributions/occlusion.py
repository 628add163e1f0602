"""Occlusion: f(x) − f(x with a window hidden).

Zeiler & Fergus, "Visualizing and understanding convolutional networks" (2014).
"""

from __future__ import annotations

from typing import Final, Self, final

from pydantic import model_validator

from builder.attributions.attribution import Asked, Attribution, Found
from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count, Real

PARTS: Final = 8  # of an image's side that one window hides
STEPS: Final = 256  # windows along a long sequence


@final
class Occlusion(Attribution):
    """By how much the output falls if a window of the example is replaced by the baseline.

    Every place gets the mean of the windows that held it; the output itself is asked, no gradient. The window is
    ``window`` values wide along each axis and moves by ``stride``. Absent, it is an eighth of an image's side, in all
    channels, one value of a table, one token, one value of a sequence (a 256th of a long one's steps).
    ``baseline``: as in ``IntegratedGradients``. Source: captum.attr.Occlusion.
    """

    main = "window"
    signed = True
    shows = "f(x) − f(x without it)"
    over = "mean"
    accepts = (Accepted(""), Accepted("4"), Accepted("{window: 4, stride: 2, baseline: 0.5}"))
    rejects = (
        Rejected("0", "expected a whole number of at least 1, found 0"),
        Rejected("{window: 2, stride: 3}", "a window of 2 that moves by 3 never hides what lies between"),
    )

    window: Count | None = None
    stride: Count | None = None
    baseline: Real | None = None

    @model_validator(mode="after")
    def _no_gaps(self) -> Self:
        if self.window is not None and self.stride is not None and self.stride > self.window:
            raise Cause(
                f"a window of {self.window} that moves by {self.stride} never hides what lies between",
                field="stride",
            )
        return self

    def attribute(self, asked: Asked) -> Found:
        """Captum's; without ``stride`` a window moves by a quarter of its side over an image, else by the whole."""
        import torch
        from captum.attr import Occlusion as Captum

        shape = tuple(asked.x.shape[1:])
        window = self._window(shape, asked)
        stride = tuple(
            min(self.stride, wide) if self.stride else max(1, wide // 4) if asked.kind == "image" else wide
            for wide in window
        )
        with torch.no_grad():
            values = Captum(asked.number).attribute(
                asked.x,
                window,
                stride,
                asked.baseline if self.baseline is None else self.baseline,
                perturbations_per_eval=min(64, asked.at_once),
            )
        return Found(values[0])

    def _window(self, shape: tuple[int, ...], asked: Asked) -> tuple[int, ...]:
        """How many values it hides along each axis: channels and embeddings whole."""
        match asked.kind:
            case "image":
                channels, *sides = shape
                return channels, *(min(side, self.window or max(2, -(-side // PARTS))) for side in sides)
            case "tokens":
                return min(shape[0], self.window or 1), shape[1]
            case "sequence":
                steps, features = shape
                return min(steps, self.window or -(-steps // STEPS)), min(features, self.window or 1)
            case _:
                return (min(shape[0], self.window or 1),)
