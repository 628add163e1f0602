r"""Is a cell, however written, one of torch's own recurrent layers? Then it can run as that.

What is found here is a candidate: ``builder.runtime.cells.lowering`` confirms it by numbers before it is believed.
Source of the equations: torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN.

An LSTM in its author's names, whose ``f`` says what is forgotten:

>>> text = '''
... Plain:
...   states: [y, s]
...   gates:
...     a: sigmoid(W @ [y_prev, x] + b)
...     f: sigmoid(W @ [y_prev, x] + b)
...     o: sigmoid(W @ [y_prev, x] + b)
...   update:
...     s: (1 - f) * s_prev + a * tanh(W @ [y_prev, x] + b)
...     y: o * tanh(s)
... '''
>>> def recognised(text: str) -> Match | None:
...     return recognise(read_cells(read_text(text).root, Report())["Plain"])
>>> match = recognised(text)
>>> match.layer, match.states
('nn.LSTM', ('y', 's'))

Torch's forget gate says what is kept: its rows of ``weight_ih`` (in torch's order i, f, g, o) and its bias
are this cell's with the other sign. Of torch's two biases one stays zero.

>>> for block in match.blocks["weight_ih"]:
...     print(block)
((1.0, Leaf(name='a.W', part=1)),)
((-1.0, Leaf(name='f.W', part=1)),)
((1.0, Leaf(name='s.W', part=1)),)
((1.0, Leaf(name='o.W', part=1)),)
>>> match.blocks["bias_ih"][1], match.blocks["bias_hh"][1]
((), ((-1.0, Leaf(name='f.b', part=None)),))

With a peephole in one gate it is no layer of torch's; ``builder.cells.meaning.differences`` says why.

>>> peeping = text.replace("a: sigmoid(", "a: sigmoid(p * s_prev + ")
>>> print(recognised(peeping.replace("gates:", "parameters: {p: vector}\n  gates:")))
None
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from builder.cells.cell import Cell, Width
from builder.cells.meaning.correspondence import Combination, Leaf, correspondences
from builder.cells.meaning.normal_form import TooLarge
from builder.cells.reader import read_cells
from builder.errors import Report
from builder.language.source import read_text

Kind = Literal["LSTM", "GRU", "RNN_TANH", "RNN_RELU"]

PACKED: Final = {"weight_ih": "W_ih", "weight_hh": "W_hh", "bias_ih": "b_ih", "bias_hh": "b_hh"}
GATES: Final[Mapping[Kind, str]] = {"LSTM": "ifgo", "GRU": "rzn", "RNN_TANH": "h", "RNN_RELU": "h"}
LAYERS: Final[Mapping[Kind, str]] = {
    "LSTM": "nn.LSTM", "GRU": "nn.GRU", "RNN_TANH": "nn.RNN", "RNN_RELU": "nn.RNN with relu",
}  # fmt: skip

_TORCH: Final = """
LSTM:
  states: [h, c]
  gates:
    i: sigmoid(W_ih @ x + b_ih + W_hh @ h_prev + b_hh)
    f: sigmoid(W_ih @ x + b_ih + W_hh @ h_prev + b_hh)
    g: tanh(W_ih @ x + b_ih + W_hh @ h_prev + b_hh)
    o: sigmoid(W_ih @ x + b_ih + W_hh @ h_prev + b_hh)
  update:
    c: f * c_prev + i * g
    h: o * tanh(c)
GRU:
  states: [h]
  gates:
    r: sigmoid(W_ih @ x + b_ih + W_hh @ h_prev + b_hh)
    z: sigmoid(W_ih @ x + b_ih + W_hh @ h_prev + b_hh)
    n: tanh(W_ih @ x + b_ih + r * (W_hh @ h_prev + b_hh))
  update:
    h: (1 - z) * n + z * h_prev
RNN_TANH:
  states: [h]
  update:
    h: tanh(W_ih @ x + b_ih + W_hh @ h_prev + b_hh)
RNN_RELU:
  states: [h]
  update:
    h: relu(W_ih @ x + b_ih + W_hh @ h_prev + b_hh)
"""


@dataclass(frozen=True)
class Match:
    """A cell as one of torch's layers.

    ``states`` are the cell's names for torch's states, ``h`` first. ``blocks`` say how each of torch's packed
    arrays (``weight_ih weight_hh bias_ih bias_hh``) is made, gate by gate in torch's order: a sum of the
    cell's parameters (a matrix's part being the columns of one operand) with factors; nothing is zero.
    ``columns`` are the widths of each matrix's parts.
    """

    kind: Kind
    states: tuple[str, ...]
    blocks: Mapping[str, tuple[Combination, ...]]
    columns: Mapping[str, tuple[Width, ...]]

    @property
    def layer(self) -> str:
        """``nn.LSTM``."""
        return LAYERS[self.kind]


@cache
def torch_cells() -> Mapping[Kind, Cell]:
    """Torch's layers as cells. Their parameters are ``i.W_ih`` for the gate i's rows of ``weight_ih``."""
    report = Report()
    cells = read_cells(read_text(_TORCH).root, report)
    assert not report.errors
    return {kind: cell for kind in GATES if (cell := cells[kind]) is not None}


def recognise(cell: Cell) -> Match | None:
    """The torch layer that the cell seems to be, if it seems to be one.

    Biases may be lacking, or several; signs, order, names and intermediate values are free. Every gate must
    read ``x`` and the output through matrices, and everything the cell carries must be carried by torch's.
    """
    columns = {
        name: parameter.columns for name, parameter in cell.parameters.items() if parameter.kind == "matrix"
    }
    for kind, layer in torch_cells().items():
        try:
            for correspondence in correspondences(layer, cell, lacking=True):
                solved = correspondence.solved()
                states = tuple(correspondence.states.values())
                if solved is None or set(states) != set(cell.state_names):
                    continue
                match = Match(kind, states, _blocks(kind, solved), columns)
                if all(match.blocks["weight_ih"]) and all(match.blocks["weight_hh"]):
                    return match
        except TooLarge:
            return None
    return None


def _blocks(kind: Kind, solved: Mapping[Leaf, Combination]) -> dict[str, tuple[Combination, ...]]:
    return {
        packed: tuple(
            solved.get(Leaf(f"{gate}.{name}", 0 if name.startswith("W") else None), ())
            for gate in GATES[kind]
        )
        for packed, name in PACKED.items()
    }
