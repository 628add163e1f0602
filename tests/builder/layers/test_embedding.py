from __future__ import annotations

import pytest
import torch

from builder.errors import Cause
from builder.layers.embedding import Embedding
from builder.shapes import TensorType

TOKENS = TensorType((7,), vocabulary=80)


def test_a_vector_for_each_token() -> None:
    inferred = Embedding(embedding_dim=16).infer(TOKENS)
    assert inferred.output == TensorType((7, 16))
    assert inferred.parameters == {"weight": (80, 16)}
    assert inferred.how == "80·16 = 1280"
    assert inferred.sizes == {"num_embeddings": 80}
    assert inferred.multiply_adds == 0


@pytest.mark.parametrize("index", [-80, 79])
def test_the_first_and_the_last_token_may_be_padding(index: int) -> None:
    layer = Embedding(embedding_dim=2, padding_idx=index)
    assert layer.build(layer.infer(TOKENS).sizes).padding_idx == index % 80


@pytest.mark.parametrize("index", [-81, 80])
def test_the_padding_token_is_one_of_the_vocabulary(index: int) -> None:
    with pytest.raises(Cause, match=f"`padding_idx` is {index}, and the 80 tokens are 0 to 79"):
        Embedding(embedding_dim=2, padding_idx=index).infer(TOKENS)


def test_the_padding_token_starts_at_zero() -> None:
    layer = Embedding(embedding_dim=4, padding_idx=-1)
    module = layer.build(layer.infer(TOKENS).sizes)
    assert not module(torch.tensor([[79]])).any()
    assert module(torch.tensor([[0]])).any()
