"""GradCAM: relu(Σₖ αₖ·Aᵏ), αₖ the mean of ∂f/∂Aᵏ over places, Aᵏ the k-th channel of a layer's output.

Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization" (2017).
"""

from __future__ import annotations

from typing import final

from builder.attributions.attribution import Asked, Attribution, Found
from builder.component import Accepted, Rejected
from builder.errors import Cause, did_you_mean
from builder.fields import Text


@final
class GradCAM(Attribution):
    """Where a convolution's output speaks for the class, spread to the image's size by bilinear interpolation.

    ``layer`` is the last convolution with more than one place, unless named. It is as coarse as that layer, shows
    only what speaks for, and needs a layer whose output is C×H×W. Source: captum.attr.LayerGradCam.
    """

    main = "layer"
    signed = False
    shows = "where a layer speaks for it"
    over = "sum"
    accepts = (Accepted(""), Accepted("conv2d_2"))
    rejects = (Rejected("2", "expected a text, found 2"),)

    layer: Text | None = None

    def check(self, asked: Asked) -> None:
        """Raises ``Cause`` without a layer whose output is C×H×W, and for a ``layer`` that is none of them."""
        if asked.kind != "image" or not asked.maps:
            raise Cause(
                "Grad-CAM needs a layer whose output is C×H×W, and this network has none",
                "Ask `IntegratedGradients`, `Saliency` or `Occlusion`.",
            )
        known = ", ".join(f"`{name}`" for name in asked.maps)
        if self.layer is None and asked.convolution is None:
            raise Cause(
                "Grad-CAM needs a convolution, and this network has none",
                f"Layers whose output is C×H×W can be named: {known}.",
            )
        if self.layer is not None and self.layer not in asked.maps:
            raise Cause(
                f"Grad-CAM needs a layer whose output is C×H×W, and `{self.layer}` is none",
                did_you_mean(self.layer, asked.maps) or f"There are {known}.",
            )

    def attribute(self, asked: Asked) -> Found:
        """Captum's ``LayerGradCam``, its negative values cut off, enlarged to the input's H×W."""
        from captum.attr import LayerAttribution, LayerGradCam

        name = self.layer or asked.convolution
        assert name is not None
        coarse = LayerGradCam(asked.number, asked.maps[name]).attribute(asked.x, relu_attributions=True)
        fine = LayerAttribution.interpolate(coarse, tuple(asked.x.shape[2:]), "bilinear")
        return Found(fine[0, 0], layer=name)
