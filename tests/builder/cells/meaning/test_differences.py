"""What near misses are told, whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from builder.cells.cell import Cell
from builder.cells.meaning.differences import differences
from builder.cells.reader import read_cells
from builder.cells.shipped import shipped_cell
from builder.errors import Report
from builder.language.source import read_text

A = "W @ x + U @ h_prev + b"
LSTM = {
    "i": f"sigmoid({A})", "f": f"sigmoid({A})", "g": f"tanh({A})", "o": f"sigmoid({A})",
    "c": "f * c_prev + i * g", "h": "o * tanh(c)",
}  # fmt: skip
GRU = {
    "r": f"sigmoid({A})",
    "z": f"sigmoid({A})",
    "n": "tanh(W @ x + b + r * (U @ h_prev))",
    "h": "(1 - z) * n + z * h_prev",
}
PEEPHOLE = "sigmoid(W @ x + U @ h_prev + p * c_prev + b)"

CASES = [
    (
        LSTM,
        {"i": PEEPHOLE, "f": PEEPHOLE},
        ["`i` and `f` look at the cell state `c` (a peephole): torch's gates see `x` and the output alone"],
    ),
    (LSTM, {"f": "1 - i"}, ["its gates are coupled: one decides what `c` forgets and what it takes in"]),
    (LSTM, {"c": "c_prev + i * g", "f": ""}, ["it has no forget gate: all of `c_prev` stays"]),
    (LSTM, {"c": "f * c_prev + g", "i": ""}, ["it has no input gate: all that is new goes into `c`"]),
    (LSTM, {"h": "tanh(c)", "o": ""}, ["it has no output gate"]),
    (LSTM, {"h": "o * c"}, ["`c` leaves without a tanh"]),
    (LSTM, {"g": f"relu({A})"}, ["what is new in `c` passes no tanh"]),
    (LSTM, {"i": f"sigmoid(layer_norm({A}))"}, ["`i` uses `layer_norm`"]),
    (LSTM, {"i": "sigmoid(W @ x + b)"}, ["no matrix of `i` multiplies `h_prev`"]),
    (LSTM, {"i": "sigmoid(U @ h_prev + b)"}, ["no matrix of `i` multiplies `x`"]),
    (LSTM, {"i": f"sigmoid({A} + V @ c_prev)"}, ["a matrix of `i` multiplies `c_prev`"]),
    (LSTM, {"i": f"sigmoid({A} + R @ i_prev)"}, ["`i` reads `i_prev`, a gate of the step before"]),
    (
        GRU,
        {"n": "tanh(W @ x + U @ (r * h_prev) + b)"},
        [
            "in `n` a gate multiplies before the matrix, `U @ (r * h_prev)`: in nn.GRU it does after it, "
            "`r * (U @ h_prev + b)`"
        ],
    ),
    (GRU, {"r": "", "n": f"tanh({A})"}, ["it has one gate: nn.GRU has two, nn.RNN none"]),
    (GRU, {"h": "(1 - z) * n + h_prev"}, ["its equations are put together in another way"]),
    ({}, {"h": "tanh(W @ x + b)"}, ["no matrix of `h` multiplies `h_prev`"]),
    ({}, {"h": "x"}, ["nothing is carried from step to step: torch's layers read `h_prev`"]),
]


@pytest.mark.parametrize(("equations", "changes", "said"), CASES)
def test_says(equations: dict[str, str], changes: dict[str, str], said: list[str]) -> None:
    written = {name: text for name, text in (equations | changes).items() if text}
    states = ["h", "c"] if "c" in written else ["h"]
    gates = {name: text for name, text in written.items() if name not in states}
    text = "A:\n" + f"  states: [{', '.join(states)}]\n"
    text += "  parameters: {p: vector}\n" if any("p *" in one for one in gates.values()) else ""
    text += "  gates:\n" + "".join(f"    {n}: '{t}'\n" for n, t in gates.items()) if gates else ""
    text += "  update:\n" + "".join(f"    {name}: '{written[name]}'\n" for name in states)
    report = Report()
    cell = read_cells(read_text(text).root, report)["A"]
    assert cell is not None, report.errors
    found = [one.text for one in differences(cell)]
    assert [sentence for sentence in said if sentence not in found] == []
    assert len(found) <= len(said) + 1


def test_only_states_are_cell_states() -> None:
    """A gate of the step before is no peephole, though a vector multiplies it."""
    cell = shipped_cell("FGR")
    assert cell is not None
    found = [one.text for one in differences(cell)]
    assert found[:2] == [
        "`i`, `f` and `o` read `i_prev`, `f_prev` and `o_prev`, the gates of the step before",
        "`i`, `f` and `o` look at the cell state `c` (a peephole): torch's gates see `x` and the output alone",
    ]


def test_what_carries_nothing_is_not_put_together_in_another_way(cell: Callable[..., Cell]) -> None:
    (found,) = differences(cell("states: [h]\nupdate: {h: x}\n"))
    assert found.text == "nothing is carried from step to step: torch's layers read `h_prev`"
