"""Embedding: y[t] = W[x[t]], a row of the weight for each token."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count, Flag, Int, Positive
from builder.layers.layer import REFUSED, Layer
from builder.shapes import Inferred, TensorType

if TYPE_CHECKING:
    from torch import nn

_TOKENS = TensorType((7,), 80)


@final
class Embedding(Layer):
    """A learned vector for each token of a vocabulary.

    Input N×… tokens (or one for each example), output N×…×embedding_dim. How many vectors there are follows
    from the input's vocabulary. `padding_idx` names the token whose vector starts at zero and is not trained;
    `max_norm` shortens longer vectors, by the `norm_type` norm, whenever they are read. Looking up costs no
    multiply-adds.
    Source: torch.nn.Embedding; Bengio et al., "A neural probabilistic language model" (2003).
    """

    main = "embedding_dim"
    snake = "embedding"
    refused = REFUSED | {
        "sparse": "Few optimizers take sparse gradients; the dense ones train the same weights.",
        "_weight": "Weights come from `init`, or from a weights file.",
        "_freeze": "Write `freeze: true` beside the layer.",
    }
    accepts = (
        Accepted("16", on=(_TOKENS,)),
        Accepted("{embedding_dim: 4, num_embeddings: 80, padding_idx: 0}", on=(_TOKENS,)),
        Accepted(
            "{embedding_dim: 4, padding_idx: -1, scale_grad_by_freq: true}", on=(TensorType((2, 3), 5),)
        ),
        Accepted("{embedding_dim: 3, max_norm: 0.5, norm_type: 1}", on=(_TOKENS,)),
        Accepted("3", on=(TensorType(("T",), 80),)),
        Accepted("3", on=(TensorType((), 10),)),
    )
    rejects = (
        Rejected("", "`Embedding` needs `embedding_dim`"),
        Rejected("{embedding_dim: 4, sparse: true}", "`Embedding` does not take `sparse` here"),
        Rejected("16", "`Embedding` needs tokens, and N×1×28×28 arrives", on=((1, 28, 28),)),
        Rejected(
            "{embedding_dim: 4, num_embeddings: 90}",
            "`num_embeddings` is written as 90, but 80 arrive",
            on=(_TOKENS,),
        ),
        Rejected(
            "{embedding_dim: 4, padding_idx: 80}",
            "`padding_idx` is 80, and the 80 tokens are 0 to 79",
            on=(_TOKENS,),
        ),
    )

    embedding_dim: Count
    padding_idx: Int | None = None
    max_norm: Positive | None = None
    norm_type: Positive = 2.0
    scale_grad_by_freq: Flag = False
    num_embeddings: Count | None = None

    def rule(self, *arrives: TensorType) -> Inferred:
        """Tokens N×… to reals N×…×embedding_dim. Raises ``Cause`` for an input without a vocabulary."""
        (x,) = arrives
        if x.vocabulary is None:
            raise Cause(
                f"`Embedding` needs tokens, and {x} arrives",
                "An input of tokens says how many there are: `input: {shape: [7], vocabulary: 80}`.",
            )
        tokens = x.vocabulary
        if self.padding_idx is not None and not -tokens <= self.padding_idx < tokens:
            raise Cause(
                f"`padding_idx` is {self.padding_idx}, and the {tokens} tokens are 0 to {tokens - 1}",
                field="padding_idx",
            )
        return Inferred(
            TensorType((*x.shape, self.embedding_dim)),
            {"weight": (tokens, self.embedding_dim)},
            how=f"{tokens}·{self.embedding_dim} = {tokens * self.embedding_dim}",
            sizes={"num_embeddings": tokens},
        )

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """``torch.nn.Embedding``; ``sizes`` gives ``num_embeddings``."""
        from torch import nn

        return nn.Embedding(**self.arguments(sizes))
