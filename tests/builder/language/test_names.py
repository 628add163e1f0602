"""Names a spec may give, held against what ``torch.nn.Module`` has."""

from __future__ import annotations

import pytest
from torch import nn

from builder.errors import Cause
from builder.language.names import MODULE_ATTRIBUTES, check_name


def test_no_layer_can_hide_what_a_module_has() -> None:
    for name in dir(nn.Module()):
        with pytest.raises(Cause):
            check_name(name)
    assert {name for name in dir(nn.Module()) if not name.startswith("_")} <= MODULE_ATTRIBUTES


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("2nd", "`2nd` is no name"),
        ("a-b", "`a-b` is no name"),
        ("a.b", "`a.b` is no name"),
        ("é", "`é` is no name"),
        ("", "`` is no name"),
        (7, "`7` is no name"),
        ("last", "`last` means something in every spec and cannot be a name of your own"),
        ("class", "`class` is a word of Python's own and cannot be a name"),
        ("half", "`half` is what every `torch.nn.Module` has already, and a layer would hide it"),
        ("_inner", "`_inner` begins with `_`, which `torch.nn.Module` keeps for itself"),
        ("a" * 81, "a name of 81 characters is too long"),
    ],
)
def test_refused_names(name: object, problem: str) -> None:
    with pytest.raises(Cause) as caught:
        check_name(name)
    assert caught.value.problem == problem


@pytest.mark.parametrize("name", ["tower_a", "Encoder", "x1", "a" * 80])
def test_names(name: str) -> None:
    assert check_name(name) == name
