"""Losses are torch's own: the same names, arguments and defaults."""

from __future__ import annotations

import inspect

import pytest
from torch import nn

from builder.training.losses.loss import Loss, losses


@pytest.mark.parametrize("cls", [losses[name] for name in losses], ids=lambda cls: cls.__name__)
def test_arguments_are_torchs(cls: type[Loss]) -> None:
    signature = inspect.signature(getattr(nn, cls.__name__)).parameters
    assert set(cls.model_fields) | (set(cls.refused) & set(signature)) == set(signature)
    assert set(cls.model_fields).isdisjoint(cls.refused)
    for name, info in cls.model_fields.items():
        assert info.default == signature[name].default, name
