"""Which recurrent layer can begin with the final states of which."""

from __future__ import annotations

import pytest

from builder import SpecErrors, loads

SPEC = "input: [T, 4]\nlayers: [{{name: first, {first}}}, {{state_from: first, {second}}}]\n"


def test_equal_states_fit() -> None:
    spec = loads(SPEC.format(first="LSTM: 5", second="LSTM: 5"))
    assert spec.graph.layers[1].starts_from == "first"


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        ("LSTM: 5", "ReLU", "`ReLU` is not recurrent: it has no state to begin with"),
        ("Linear: 5", "GRU: 5", "`first` is not recurrent: it has no final states"),
        ("GRU: 5", "GRU: {hidden_size: 5, num_layers: 2}", "`first` has `num_layers` 1, and this `GRU` 2"),
        ("GRU: 5", "LSTM: 5", "`first` ends with the states `h`, and this `LSTM` begins with `h` and `c`"),
        ("GRU: 5", "GRU: 6", "`first` ends with a state `h` of 5 values, and this `GRU` begins with 6"),
    ],
)
def test_others_do_not(first: str, second: str, problem: str) -> None:
    with pytest.raises(SpecErrors) as caught:
        loads(SPEC.format(first=first, second=second.replace("ReLU", "ReLU: {}")))
    assert [error.problem for error in caught.value.errors] == [problem]
