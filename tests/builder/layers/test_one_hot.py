from __future__ import annotations

import copy

import torch
from torch.nn import functional

from builder.layers.one_hot import OneHot
from builder.shapes import TensorType

LABEL = TensorType((), vocabulary=10)


def test_a_label_becomes_a_vector_of_the_vocabulary() -> None:
    inferred = OneHot().infer(LABEL)
    assert inferred.output == TensorType((10,))
    assert inferred.sizes == {"num_classes": 10}
    assert OneHot().infer(TensorType(("T",), 80)).output == TensorType(("T", 80))


def test_values_are_torchs() -> None:
    tokens = torch.randint(0, 10, (6, 3))
    assert torch.equal(OneHot().build({"num_classes": 10})(tokens), functional.one_hot(tokens, 10).float())


def test_its_dtype_is_that_of_the_network_it_stands_in() -> None:
    module = torch.nn.Sequential(OneHot().build({"num_classes": 3}), torch.nn.Linear(3, 2))
    label = torch.tensor([2, 0])
    assert module(label).dtype == torch.float32
    assert copy.deepcopy(module).double()(label).dtype == torch.float64
    assert module.double().float()(label).dtype == torch.float32
