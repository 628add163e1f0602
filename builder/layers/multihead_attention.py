"""MultiheadAttention: for each head softmax(Q·Kᵀ/√d)·V with Q, K, V of the same sequence, then one projection."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count, Flag, Probability
from builder.layers.layer import REFUSED, Layer
from builder.layers.shared.recurrent import BATCH_FIRST, expect_steps
from builder.shapes import Inferred, Shape, TensorType

if TYPE_CHECKING:
    from torch import nn


@final
class MultiheadAttention(Layer):
    """Self-attention: every step sees all steps of its own sequence, weighted by how well they match.

    Input and output N×T×E. `num_heads` divides E; each head works in E/num_heads features. Padding is never
    looked at. `dropout` acts on the weights of attention. A step costs 4·E·E multiply-adds for the
    projections, and 2·E for each step it looks at.
    Source: torch.nn.MultiheadAttention; Vaswani et al., "Attention is all you need" (2017).
    """

    main = "num_heads"
    snake = "multihead_attention"
    masks = True
    refused = (
        REFUSED
        | BATCH_FIRST
        | {
            "add_bias_kv": "Here every step attends to the steps of its own sequence alone.",
            "add_zero_attn": "Here every step attends to the steps of its own sequence alone.",
            "kdim": "Keys are of the one sequence that arrives, as wide as it is.",
            "vdim": "Values are of the one sequence that arrives, as wide as it is.",
        }
    )
    accepts = (
        Accepted("2", on=(("T", 6),)),
        Accepted("{num_heads: 3, bias: false, embed_dim: 6}", on=((5, 6),)),
    )
    rejects = (
        Rejected("{dropout: 0.1}", "`MultiheadAttention` needs `num_heads`"),
        Rejected("{num_heads: 2, kdim: 4}", "`MultiheadAttention` does not take `kdim` here"),
        Rejected("4", "`num_heads` is 4, which does not divide the 6 features that arrive", on=(("T", 6),)),
        Rejected(
            "2",
            "`MultiheadAttention` needs a sequence of 2 axes (T, features), and N×6 arrives",
            on=((6,),),
        ),
    )

    num_heads: Count
    dropout: Probability = 0.0
    bias: Flag = True
    embed_dim: Count | None = None

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×T×E, unchanged. Raises ``Cause`` unless ``num_heads`` divides E."""
        (x,) = arrives
        steps, width = expect_steps(x, "MultiheadAttention")
        if width % self.num_heads:
            raise Cause(
                f"`num_heads` is {self.num_heads}, which does not divide the {width} features that arrive",
                field="num_heads",
            )
        parameters: dict[str, Shape] = {"in_proj_weight": (3 * width, width)}
        how = f"4·({width}·{width}"
        if self.bias:
            parameters["in_proj_bias"] = (3 * width,)
            how += f" + {width}"
        parameters["out_proj.weight"] = (width, width)
        if self.bias:
            parameters["out_proj.bias"] = (width,)
        length = steps if isinstance(steps, int) else 1
        return Inferred(
            x,
            parameters,
            multiply_adds=length * (4 * width * width + 2 * width * length),
            how=f"{how}) = {4 * width * (width + self.bias)}",
            sizes={"embed_dim": width},
            over=steps if isinstance(steps, str) else None,
        )

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.MultiheadAttention`` on one sequence, its padding masked; ``sizes`` gives ``embed_dim``."""
        from builder.runtime.network.attention import SelfAttention

        return SelfAttention(**self.arguments(sizes))
