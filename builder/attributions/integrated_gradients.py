"""IntegratedGradients: (xᵢ − bᵢ)·∫₀¹ ∂f(b + α(x − b))/∂xᵢ dα.

Sundararajan, Taly & Yan, "Axiomatic attribution for deep networks" (2017).
"""

from __future__ import annotations

from typing import final

from builder.attributions.attribution import Asked, Attribution, Found
from builder.component import Accepted, Rejected
from builder.fields import Count, Real


@final
class IntegratedGradients(Attribution):
    """The gradient along the straight way from a baseline to the example, times the way.

    The values sum to f(x) − f(baseline): nothing is lost and nothing invented, and ``steps`` points of the integral
    (Gauss-Legendre) say how exactly. What equals the baseline gets 0. The baseline is black for images, for tables
    and real sequences what arrives at the network as 0, for tokens an embedding of 0; ``baseline`` puts one
    number, in the source's units, in its place. Source: captum.attr.IntegratedGradients.
    """

    main = "steps"
    signed = True
    shows = "share of f(x) − f(baseline)"
    over = "sum"
    accepts = (Accepted(""), Accepted("200"), Accepted("{steps: 20, baseline: 0.5}"))
    rejects = (
        Rejected("0", "expected a whole number of at least 1, found 0"),
        Rejected("{n_steps: 20}", "`IntegratedGradients` has no field `n_steps`"),
    )

    steps: Count = 50
    baseline: Real | None = None

    def attribute(self, asked: Asked) -> Found:
        """Captum's, with how far the attributions' sum is from the change of the number."""
        import torch
        from captum.attr import IntegratedGradients as Captum

        baseline = asked.baseline
        if self.baseline is not None:
            baseline = torch.full_like(asked.x, self.baseline)
        values, delta = Captum(asked.number).attribute(
            asked.x,
            baseline,
            n_steps=self.steps,
            internal_batch_size=asked.at_once if asked.at_once < self.steps else None,
            return_convergence_delta=True,
        )
        with torch.no_grad():
            change = asked.number(asked.x) - asked.number(baseline)
        return Found(values[0], float(change), float(delta))
