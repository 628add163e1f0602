"""Initialisers are ``torch.nn.init``'s own: names, defaults, and every number drawn."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch.nn import init

from builder.component import Accepted
from builder.errors import Cause, Report
from builder.language.source import read_text
from builder.reader import Reader
from builder.training.initializers.initializer import Initializer, initializers

ALL = [initializers[name] for name in initializers]
every = pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)


def _made(cls: type[Initializer], example: Accepted) -> Initializer:
    report = Report()
    root = read_text(f"{cls.__name__}: {example.text or '{}'}").root
    made = Reader(report, {}).choice(initializers, root)
    assert made is not None, report.errors
    return made


@every
def test_arguments_are_torchs(cls: type[Initializer]) -> None:
    signature = inspect.signature(getattr(init, cls.__name__)).parameters
    fields = cls.model_fields
    taken = set(signature) - {"tensor", "generator"}
    assert set(fields) == taken
    assert cls.draws == ("generator" in signature)
    for name, info in fields.items():
        theirs = signature[name].default
        assert info.is_required() if theirs is inspect.Parameter.empty else info.default == theirs, name


@every
@pytest.mark.parametrize("own", [False, True], ids=["global", "generator"])
def test_the_numbers_are_torchs(cls: type[Initializer], own: bool) -> None:
    for example in cls.accepts:
        made = _made(cls, example)
        for shape in example.on:
            assert isinstance(shape, tuple)
            made.check(shape)
            fields = {name: getattr(made, name) for name in cls.model_fields}
            theirs = getattr(init, cls.__name__)
            torch.manual_seed(3)
            if own and cls.draws:
                expected = theirs(torch.empty(shape), **fields, generator=torch.Generator().manual_seed(7))
            else:
                expected = theirs(torch.empty(shape), **fields)
            after = torch.random.get_rng_state()
            torch.manual_seed(3)
            found = made.apply(torch.empty(shape), torch.Generator().manual_seed(7) if own else None)
            assert torch.equal(torch.random.get_rng_state(), after)
            assert torch.equal(found, expected)


@every
@pytest.mark.parametrize("axes", range(1, 6))
@pytest.mark.filterwarnings("ignore:Initializing zero-element")
def test_axes_are_refused_where_torch_refuses(cls: type[Initializer], axes: int) -> None:
    made, shape = _made(cls, cls.accepts[0]), (4,) * axes
    try:
        made.apply(torch.empty(shape))
    except (ValueError, RuntimeError):
        with pytest.raises(Cause):
            made.check(shape)
    else:
        made.check(shape)


def test_fixed_kernels_are_not_available_yet() -> None:
    with pytest.raises(Cause, match="the initialiser `kernel` is not available yet"):
        initializers.get("kernel")
