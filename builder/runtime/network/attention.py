"""Self-attention that never looks at padding, and the encoding of places."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from builder.runtime.network.masks import valid_steps


class SelfAttention(nn.MultiheadAttention):
    """``torch.nn.MultiheadAttention`` of one sequence with itself: queries, keys and values are all ``x``."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """N×T×E to N×T×E. ``lengths`` are int64, N; None: all steps are real."""
        steps = x.transpose(0, 1)
        attended, _ = functional.multi_head_attention_forward(
            steps,
            steps,
            steps,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            None,
            None,
            False,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=None if lengths is None else ~valid_steps(x, lengths),
            need_weights=False,
        )
        return attended.transpose(0, 1)


class PositionalEncoding(nn.Module):
    """Adds sin(t/10000^(2i/E)) to feature 2i of step t, and the cosine of the same to feature 2i + 1.

    Four features of the steps 0 and 1, the sines of 1 and of 1/100 among them:

    >>> PositionalEncoding()(torch.zeros(1, 2, 4).double()).round(decimals=4).tolist()
    [[[0.0, 1.0, 0.0, 1.0], [0.8415, 0.5403, 0.01, 1.0]]]
    """

    def forward(self, x: Tensor) -> Tensor:
        """N×T×E to N×T×E."""
        steps, width = x.shape[1], x.shape[2]
        even = torch.arange(0, width, 2, device=x.device, dtype=x.dtype)
        rates = torch.exp(even * (-math.log(10_000) / width))
        angles = torch.arange(steps, device=x.device, dtype=x.dtype)[:, None] * rates
        places = torch.stack((angles.sin(), angles.cos()), -1).flatten(1)
        return x + places[:, :width]
