"""Saliency: |∂f/∂xᵢ|. Simonyan, Vedaldi & Zisserman, "Deep inside convolutional networks" (2014)."""

from __future__ import annotations

from typing import ClassVar, Literal, final

from builder.attribution import Asked, Attribution, Found
from builder.component import Accepted


@final
class Saliency(Attribution):
    """|∂f/∂x|: how fast the output changes if this value alone moves a little.

    It knows no sign, and only the nearest surroundings of the example. Source: captum.attr.Saliency.
    """

    signed: ClassVar[bool] = False
    shows: ClassVar[str] = "|∂f/∂x|"
    over: ClassVar[Literal["sum", "mean", "max"]] = "max"
    accepts = (Accepted(""),)

    def attribute(self, asked: Asked) -> Found:
        from captum.attr import Saliency as Captum

        x = asked.x.clone().requires_grad_()
        return Found(Captum(asked.number).attribute(x, abs=True)[0])
