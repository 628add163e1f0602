"""A compiled cell on tensors: products for all steps at once, scans, and loops whose backward is by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from builder.cells.plan.loop import Loop
from builder.cells.plan.program import Packed, Program, Scan, Whole
from builder.cells.term import Apply, Constant, Read, Term, Weight
from builder.runtime.cells.linear_scan import linear_scan
from builder.runtime.cells.loop_function import run_loop
from builder.runtime.cells.plain import MEANING
from builder.runtime.network.masks import valid_steps

# Numbers in one value of a stretch of steps of what has no loop.
_STRETCH: Final = 1 << 19


def run_program(
    program: Program,
    weights: Mapping[str, Tensor],
    x: Tensor,
    states: Sequence[Tensor],
    lengths: Tensor | None = None,
    reverse: bool = False,
    *,
    compiled: bool = False,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The output at every step, N×T×H, and the final states, N×H each, in the order of ``program.states``.

    ``weights`` are keyed as ``cell.parameters``; ``x`` is N×T×I; ``states`` are those before the first step,
    N×H each. ``lengths``, N whole numbers of 1 to T: past its end a sequence's states stay and its output is
    zero. With ``reverse`` each sequence is read from its own end to its start; an output stays at the step of
    what was read. Under autocast all is worked out in its type, as in ``nn.LSTM``. Differentiable in weights, x
    and states, more than once. ``compiled``: loops with their pointwise operations as compiled functions, where those
    suit and can be had.
    """
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        with torch.autocast(x.device.type, enabled=False):
            lower = {name: weight.to(dtype) for name, weight in weights.items()}
            before = [state.to(dtype) for state in states]
            return run_program(program, lower, x.to(dtype), before, lengths, reverse, compiled=compiled)
    order = _order(x, lengths, reverse)
    inside = None if lengths is None else valid_steps(x, lengths).mT[..., None]
    over_time = _stretches(program, weights, _read(x, order), states, inside, compiled)
    output = _joined(over_time[program.output])
    if order is not None and reverse:
        output = _put_back(output, order)
    if inside is not None:
        output = output.masked_fill(~inside, 0.0)
    return output.transpose(0, 1), tuple(_final(over_time[name], lengths) for name in program.states)


def _stretches(
    program: Program,
    weights: Mapping[str, Tensor],
    x: Tensor,
    states: Sequence[Tensor],
    inside: Tensor | None,
    compiled: bool,
) -> dict[str, list[Tensor]]:
    """Each state at every step, as stretches of steps, one after the other.

    On a processor what has no loop is worked out stretch by stretch, each going on from the one before: new
    memory costs more than the arithmetic there, and a short stretch gets memory that has just been used.
    """
    steps, batch = x.shape[:2]
    whole = x.device.type != "cpu" or program.recurrence not in ("none", "linear")
    stretch = steps if whole else max(1, _STRETCH // max(1, batch * states[0].shape[-1]))
    stretches: dict[str, list[Tensor]] = {name: [] for name in program.states}
    for start in range(0, steps, stretch):
        span = slice(start, start + stretch)
        run = _Run(program, weights, x[span], states, None if inside is None else inside[span], compiled)
        run.regions()
        for name in program.states:
            stretches[name].append(run.sequence(Read(name)))
        states = [stretches[name][-1][-1] for name in program.states]
    return stretches


def _joined(stretches: Sequence[Tensor]) -> Tensor:
    return stretches[0] if len(stretches) == 1 else torch.cat(list(stretches))


def _order(x: Tensor, lengths: Tensor | None, reverse: bool) -> Tensor | None:
    """Which step is read when, T×N; past the end the last one again, so that padding never enters the loop."""
    if lengths is None and not reverse:
        return None
    time = torch.arange(x.shape[1], device=x.device)[:, None]
    last = (lengths if lengths is not None else time.new_full((x.shape[0],), x.shape[1])).to(x.device)[
        None
    ] - 1
    return (last - time).clamp_min(0) if reverse else torch.minimum(time, last)


def _read(x: Tensor, order: Tensor | None) -> Tensor:
    """The input x in the order in which it is read, time first."""
    if order is None:
        return x.transpose(0, 1).contiguous()
    n, t, size = x.shape
    rows = (order + torch.arange(n, device=x.device)[None] * t).flatten()
    return x.reshape(n * t, size).index_select(0, rows).view(t, n, size)


def _put_back(output: Tensor, order: Tensor) -> Tensor:
    """The output at the steps of what was read."""
    t, n, size = output.shape
    rows = (order * n + torch.arange(n, device=output.device)[None]).flatten()
    return output.reshape(t * n, size).index_select(0, rows).view(t, n, size)


def _final(stretches: Sequence[Tensor], lengths: Tensor | None) -> Tensor:
    """The value at each sequence's last step, N×H."""
    if lengths is None:
        return stretches[-1][-1]
    sequence = _joined(stretches)
    last = lengths.to(sequence.device) - 1
    return sequence[last, torch.arange(sequence.shape[1], device=sequence.device)]


class _Run:
    """One run: ``values`` at all steps, T×N×·, or without steps."""

    def __init__(
        self,
        program: Program,
        weights: Mapping[str, Tensor],
        x: Tensor,
        states: Sequence[Tensor],
        inside: Tensor | None,
        compiled: bool,
    ) -> None:
        self._program = program
        self._compiled = compiled
        self._weights = dict(weights)
        self._states = dict(zip(program.states, states, strict=True))
        self._inside = inside
        self._steps, self._batch = x.shape[:2]
        self._hidden = states[0].shape[-1]
        self._like = x
        self._values: dict[Term, Tensor] = {Read("x"): x}
        self._cut_blocks(x.shape[-1])

    def regions(self) -> None:
        """All regions in order."""
        for region in self._program.regions:
            match region:
                case Whole(steps):
                    for step in steps:
                        if isinstance(step, Packed):
                            self._packed(step)
                        else:
                            self._values[Read(step.name)] = self._value(step.term)
                case Scan(name, factor, rest):
                    size = (self._steps, self._batch, self._hidden)
                    a, b = (self._value(term).expand(size) for term in (factor, rest))
                    self._values[Read(name)] = linear_scan(a, b, self._states[name])
                case Loop():
                    self._loop(region)

    def sequence(self, term: Term) -> Tensor:
        """A value at all steps, T×N×H."""
        return self._value(term).expand(self._steps, self._batch, self._hidden)

    def _cut_blocks(self, input_size: int) -> None:
        width = {"input": input_size, "hidden": self._hidden}
        for name, block in self._program.blocks.items():
            start = sum(width[kind] for kind in block.before)
            self._weights[name] = self._weights[block.matrix].narrow(1, start, width[block.width])

    def _loop(self, loop: Loop) -> None:
        values = {term: self._value(term) for term in (*loop.sequences, *loop.vectors)}
        states = {name: self._states[name] for name in loop.carried}
        members = run_loop(
            loop, values, self._weights, states, self._steps, self._inside, compiled=self._compiled
        )
        for name, value in members.items():
            self._values[Read(name)] = value

    def _packed(self, step: Packed) -> None:
        operand = self._value(step.operand)
        wide = self._weights[step.matrices[0]].shape[1]
        if operand.dim() == 0:
            operand = operand.expand(wide)
        matrix = torch.cat([self._weights[name] for name in step.matrices])
        bias = None
        if any(step.biases):
            zero = self._like.new_zeros(self._hidden)
            bias = torch.cat([sum((self._weights[name] for name in names), zero) for names in step.biases])
        products = functional.linear(operand, matrix, bias).chunk(len(step.names), -1)
        self._values.update(zip(map(Read, step.names), products, strict=True))

    def _value(self, term: Term) -> Tensor:
        if term in self._values:
            return self._values[term]
        match term:
            case Constant(number):
                return torch.full((), number, dtype=self._like.dtype, device=self._like.device)
            case Weight(name):
                return self._weights[name]
            case Read(name, True):
                before = self.sequence(Read(name))[:-1]
                found = torch.cat((self._states[name][None], before))
            case Apply("layer_norm", (operand,)):
                value = self._value(operand)
                found = MEANING["layer_norm"](value if value.dim() else value.expand(self._hidden))
            case Apply(function, operands):
                found = MEANING[function](*map(self._value, operands))
            case _:
                raise AssertionError(f"{term} is worked out by no region")
        self._values[term] = found
        return found
