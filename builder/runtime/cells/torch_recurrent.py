"""torch's RNN, LSTM and GRU with lengths: padding is never read, and comes out as zero.

Batch comes first. Parameters keep torch's own names. In training padded batches are packed
(torch.nn.utils.rnn), so that the fast kernels run; an exporter cannot follow that, and gets ONNX's own operator,
or a scan over the steps that keeps each sequence's state from its end on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from builder.cells.meaning.recognition import Kind
from builder.runtime.cells.onnx_operators import operator
from builder.runtime.cells.placeholders import placeholders_allowed
from builder.runtime.cells.torch_twin import kind_of
from builder.runtime.network.masks import lengths_of_steps, reversed_by_length, valid_steps

States = tuple[Tensor, ...]

# The states after one step, of W_ih·x + b_ih, the states before, and one layer's weights.
Step = Callable[[Tensor, States, Mapping[str, Tensor]], States]


class TorchRecurrent(nn.RNNBase):
    """What the three have in common. ``output`` is ``sequence`` or ``last``.

    ``state_names`` names the final states: ``h``, and an LSTM's ``c``.
    """

    state_names: ClassVar[tuple[str, ...]] = ("h",)

    def __init__(self, output: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.output: Final = output

    def forward(self, x: Tensor, lengths: Tensor | None = None, *states: Tensor) -> Tensor:
        """N×T×I to N×T×(D·H), zero past each length; with ``output: last`` to N×(D·H).

        ``lengths`` are int64, N, each from 1 to T; None: all T. ``states`` as ``unroll`` gives them.
        """
        return self.unroll(x, lengths, states)[0]

    def unroll(self, x: Tensor, lengths: Tensor | None, states: States) -> tuple[Tensor, States]:
        """The output and the final states, each num_layers×N×(D·H); no ``states``: zeros to begin with.

        Raises ``ValueError`` for an ``x`` of another width or of no steps.
        """
        lengths = lengths_of_steps(x, lengths, self.input_size)
        ours = placeholders_allowed()
        if ours or (torch.compiler.is_exporting() and (lengths is not None or self._exports_wrongly)):
            sequence, final = self._scanned(x, lengths, states)
        elif lengths is None:
            sequence, final = self._run(x, self._torchs(states))
        else:
            sequence, final = self._packed(x, lengths, states)
        return sequence if self.output == "sequence" else final[0][-1], final

    @property
    def _exports_wrongly(self) -> bool:
        """Whether torch's exporter cannot translate it: it unrolls an RNN, and leaves projections out."""
        return self.proj_size > 0 or isinstance(self, nn.RNN)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _run(self, x: Any, states: States | None) -> tuple[Any, States]:
        """The forward pass of ``torch.nn``; the final states as a tuple in the order of ``state_names``."""
        before = None if states is None else states if len(self.state_names) > 1 else states[0]
        sequence, after = super().forward(x, before)
        return sequence, self._ours(after if isinstance(after, tuple) else (after,))

    def _packed(self, x: Tensor, lengths: Tensor, states: States) -> tuple[Tensor, States]:
        counts = lengths.cpu()
        if len(counts) and int(counts.min()) == x.shape[1]:
            return self._run(x, self._torchs(states))
        packed = pack_padded_sequence(x, counts.clamp(min=1), batch_first=True, enforce_sorted=False)
        sequence, final = self._run(packed, self._torchs(states))
        sequence, _ = pad_packed_sequence(sequence, batch_first=True, total_length=x.shape[1])
        if int(counts.min()) < 1:  # a piece of a longer sequence, where some have ended before
            ended = (lengths < 1).to(x.device)
            before = states or tuple(torch.zeros_like(state) for state in final)
            final = tuple(torch.where(ended[:, None], b, a) for b, a in zip(before, final, strict=True))
            sequence = sequence.masked_fill(ended[:, None, None], 0)
        return sequence, final

    def _torchs(self, states: States) -> States | None:
        """From num_layers×N×(D·H) to torch's (num_layers·D)×N×H."""
        split = (torch.unflatten(s, 2, (self._directions, -1)).transpose(1, 2) for s in states)
        return tuple(s.flatten(0, 1).contiguous() for s in split) or None

    def _ours(self, states: States) -> States:
        split = (torch.unflatten(s, 0, (self.num_layers, -1)).transpose(1, 2) for s in states)
        return tuple(s.flatten(2) for s in split)

    # What an exporter can follow

    def _scanned(self, x: Tensor, lengths: Tensor | None, states: States) -> tuple[Tensor, States]:
        widths = [self.proj_size or self.hidden_size, self.hidden_size][: len(self.state_names)]
        if not states:
            zeros = (x.new_zeros(self.num_layers, x.shape[0], self._directions * width) for width in widths)
            states = tuple(zeros)
        final: list[list[Tensor]] = []
        for layer in range(self.num_layers):
            outputs: list[Tensor] = []
            after: list[States] = []
            for direction in range(self._directions):
                begin = tuple(s[layer].chunk(self._directions, -1)[direction] for s in states)
                suffix = f"_l{layer}" + "_reverse" * direction
                sequence, end = self._one_way(x, lengths, begin, suffix, reverse=bool(direction))
                outputs.append(sequence)
                after.append(end)
            x = torch.cat(outputs, -1)
            final.append([torch.cat(ends, -1) for ends in zip(*after, strict=True)])
            if layer < self.num_layers - 1:
                x = functional.dropout(x, self.dropout, self.training)
        return x, tuple(torch.stack(layers) for layers in zip(*final, strict=True))

    def _one_way(
        self, x: Tensor, lengths: Tensor | None, begin: States, suffix: str, *, reverse: bool
    ) -> tuple[Tensor, States]:
        """One layer in one direction, N×T×I to N×T×H, as a scan over the steps."""
        weights = {
            name.removesuffix(suffix): weight
            for name, weight in self._parameters.items()
            if name.endswith(suffix) and weight is not None
        }
        if placeholders_allowed() and not self.proj_size:
            return operator(kind_of(self), list(weights.values()), x, begin, lengths, reverse)
        if reverse:
            x = reversed_by_length(x, lengths)
        projected = functional.linear(x, weights["weight_ih"], weights.get("bias_ih")).transpose(0, 1)
        valid = valid_steps(x, lengths).transpose(0, 1)[..., None]
        step = _STEPS[kind_of(self)]  # holds no module: a scan's body may not

        def kept_at_end(states: States, arrives: tuple[Tensor, Tensor]) -> tuple[States, Tensor]:
            after = step(arrives[0], states, weights)
            kept = tuple(torch.where(arrives[1], a, b) for a, b in zip(after, states, strict=True))
            return kept, torch.where(arrives[1], after[0], 0.0)

        end, outputs = _scan(kept_at_end, tuple(s.clone() for s in begin), (projected, valid))
        sequence = outputs.transpose(0, 1)
        return (reversed_by_length(sequence, lengths) if reverse else sequence), tuple(end)


def _scan(
    step: Callable[[States, Any], tuple[States, Tensor]], begin: States, arrives: Any
) -> tuple[States, Tensor]:
    from torch._higher_order_ops.scan import scan

    scanned: tuple[States, Tensor] = scan(step, begin, arrives)
    return scanned


def _rnn_step(nonlinearity: Callable[[Tensor], Tensor]) -> Step:
    def step(projected: Tensor, states: States, weights: Mapping[str, Tensor]) -> States:
        return (nonlinearity(projected + _recurrent(states[0], weights)),)

    return step


def _lstm_step(projected: Tensor, states: States, weights: Mapping[str, Tensor]) -> States:
    i, f, g, o = (projected + _recurrent(states[0], weights)).chunk(4, -1)
    c = torch.sigmoid(f) * states[1] + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    return (functional.linear(h, weights["weight_hr"]) if "weight_hr" in weights else h), c


def _gru_step(projected: Tensor, states: States, weights: Mapping[str, Tensor]) -> States:
    (r_x, z_x, n_x), (r_h, z_h, n_h) = projected.chunk(3, -1), _recurrent(states[0], weights).chunk(3, -1)
    z = torch.sigmoid(z_x + z_h)
    n = torch.tanh(n_x + torch.sigmoid(r_x + r_h) * n_h)
    return ((1 - z) * n + z * states[0],)


def _recurrent(h: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    return functional.linear(h, weights["weight_hh"], weights.get("bias_hh"))


_STEPS: Final[Mapping[Kind, Step]] = {
    "LSTM": _lstm_step,
    "GRU": _gru_step,
    "RNN_TANH": _rnn_step(torch.tanh),
    "RNN_RELU": _rnn_step(torch.relu),
}


class RNN(TorchRecurrent, nn.RNN):  # type: ignore[misc]  # another signature
    """``torch.nn.RNN`` with lengths."""


class LSTM(TorchRecurrent, nn.LSTM):  # type: ignore[misc]
    """``torch.nn.LSTM`` with lengths."""

    state_names: ClassVar[tuple[str, ...]] = ("h", "c")


class GRU(TorchRecurrent, nn.GRU):  # type: ignore[misc]
    """``torch.nn.GRU`` with lengths."""
