"""Saliency: |∂f/∂xᵢ|. Simonyan, Vedaldi & Zisserman, "Deep inside convolutional networks" (2014)."""

from __future__ import annotations

from typing import final

from builder.attributions.attribution import Asked, Attribution, Found
from builder.component import Accepted


@final
class Saliency(Attribution):
    """|∂f/∂x|: how fast the output changes if this value alone moves a little.

    It knows no sign, and only the nearest surroundings of the example. Source: captum.attr.Saliency.
    """

    signed = False
    shows = "|∂f/∂x|"
    over = "max"
    accepts = (Accepted(""),)

    def attribute(self, asked: Asked) -> Found:
        """Captum's: |∂number/∂x|, of the shape of the example."""
        from captum.attr import Saliency as Captum

        x = asked.x.clone().requires_grad_()
        return Found(Captum(asked.number).attribute(x, abs=True)[0])
