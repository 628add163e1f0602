"""The torch module of a cell: layers, directions, padding, and the fastest way that is right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, Literal, Protocol, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from builder.cells.cell import Cell
from builder.cells.meaning.recognition import Match
from builder.cells.plan.listing import TooLarge
from builder.cells.plan.loop import Loop
from builder.cells.plan.program import Program, Recurrence, compile_cell
from builder.runtime.cells import lowering
from builder.runtime.cells.compiled.c_compiler import NotCompiled
from builder.runtime.cells.compiled.compiled_loop import compiled_loop
from builder.runtime.cells.cuda_graphs import Graphed
from builder.runtime.cells.onnx_operators import operated
from builder.runtime.cells.onnx_scan import scan_placeholder
from builder.runtime.cells.placeholders import placeholders_allowed
from builder.runtime.cells.plain import unrolled
from builder.runtime.cells.scanned import scanned
from builder.runtime.cells.step_loop import run_program
from builder.runtime.network.masks import lengths_of_steps

Way = Literal["lowered", "whole", "scan", "loop", "plain"]
_WAYS: Final[dict[Recurrence, tuple[Way, str]]] = {
    "none": ("whole", "Nothing depends on the step before: all steps are worked out at once."),
    "linear": ("scan", "What it carries is linear in itself, value by value: a scan over time, no loop."),
    "elementwise": ("loop", "It equals none of torch's layers, and no matrix meets what it carries."),
    "matrix": ("loop", "It equals none of torch's layers."),
}


class Run(Protocol):
    """One layer in one direction: ``plain_cell.unrolled``, and all that must equal it."""

    def __call__(
        self,
        weights: Mapping[str, Tensor],
        x: Tensor,
        states: Sequence[Tensor],
        lengths: Tensor | None,
        reverse: bool,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The outputs N×T×H and the final states, each N×H."""


@final
class Owner(nn.Module):
    """A name that parameters stand under: the gate ``i`` of ``i.W``, the layer ``l0`` of ``l0.i.W``."""


@final
class CellModule(nn.Module):
    """A cell over whole sequences, batch first.

    Parameters are named ``i.W``; with several layers or directions ``l0.i.W`` and ``l0_reverse.i.W``, after
    ``nn.LSTM``'s suffixes. They start uniform in ±1/√hidden_size, as ``nn.LSTM``'s do; with
    ``initial="learned"`` every carried value has its first value as a parameter too, ``h.initial``, which
    starts at zero. ``dropout`` falls on the outputs of all layers but the last. On a GPU
    our own loop is replayed as CUDA graphs where it can be (``cuda_graphs``).

    How it runs is chosen once, by the cell: ``way`` says what was chosen, ``reason`` why, in a sentence.
    All ways give the same values; ``way`` as an argument forces ``lowered``, ``plain`` or (anything
    else) our own, for tests and benches. With ``compile`` what stands between a loop's products is compiled, on a
    processor and in single precision (``compiled_loop``). Raises ``ValueError`` for a cell that cannot be lowered.

    Only ``way``, ``reason``, ``state_names``, ``unroll`` and what every module has are taken as names: all
    else a gate may be called.
    """

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        output: Literal["sequence", "last"] = "sequence",
        initial: Literal["zeros", "learned"] | None = None,
        way: Way | None = None,
        compile: bool = False,
    ) -> None:
        super().__init__()
        self._cell = cell
        self._input_size = input_size
        self._hidden_size = hidden_size
        self._num_layers = num_layers
        self._directions = 2 if bidirectional else 1
        self._dropout = dropout
        self._output = output
        self._learned = (initial or cell.initial) == "learned"
        program = _planned(cell)
        run: Run = partial(unrolled, cell)
        if program is not None:
            run = partial(run_program, program, compiled=compile)
        self._run = Graphed(run)
        self._match = lowering.confirmed(cell) if way in (None, "lowered") else None
        self._way, self._reason = _chosen(cell, self._match, program, way)
        self._loops: tuple[Loop, ...] | None = None
        if compile:
            regions = program.regions if program is not None and self._way == "loop" else ()
            self._loops = tuple(region for region in regions if isinstance(region, Loop))
        self._places = _places(num_layers, self._directions)
        for place in self._places:
            layer = place.removesuffix("_reverse")
            width = input_size if layer in ("", "l0") else hidden_size * self._directions
            for name, shape in cell.parameter_shapes(width, hidden_size).items():
                _own(self, _under(place, name), shape)
            for name in cell.carried if self._learned else ():
                _own(self, _under(place, f"{name}.initial"), (hidden_size,))
        bound = 1 / math.sqrt(hidden_size)
        for name, parameter in self.named_parameters():
            if name.endswith(".initial"):
                nn.init.zeros_(parameter)
            else:
                nn.init.uniform_(parameter, -bound, bound)

    @property
    def way(self) -> Way:
        """How the cell runs: through torch's own layer, a scan over time, our loop, or step by step."""
        return self._way

    @property
    def reason(self) -> str:
        """Why it runs so, in a sentence; and what came of ``compile``."""
        return " ".join(filter(None, (self._reason, self._run.failed, self._compilation())))

    def _compilation(self) -> str:
        if self._loops is None:
            return ""
        if not self._loops:
            return "There is no loop to compile."
        loops = map(compiled_loop, self._loops)
        return next(
            (f"Not compiled: {loop}" for loop in loops if isinstance(loop, NotCompiled)),
            "On a processor, in single precision, what stands between its products is compiled.",
        )

    @property
    def state_names(self) -> tuple[str, ...]:
        """What ``unroll`` gives, in order: the cell's states, then the gates that it carries."""
        return self._cell.state_names

    def forward(self, x: Tensor, lengths: Tensor | None = None, *states: Tensor) -> Tensor:
        """The output for ``x``, N×T×I: N×T×(D·H), zero past each length, or with ``output="last"`` N×(D·H).

        ``lengths`` are int64, N of them, at most T; 0 is a sequence that has ended before. ``states`` are as
        for ``unroll``. Raises ``ValueError`` for an ``x`` of another width or of no steps.
        """
        lengths = lengths_of_steps(x, lengths, self._input_size)
        if self._match is not None and lengths is not None and x.device.type == "cpu" and not _traced():
            run = partial(lowering.masked, self._match, self.state_names)
            return self._layered(run, x, lengths, self._first(x, states))[0]
        return self.unroll(x, lengths, states)[0]

    def unroll(
        self, x: Tensor, lengths: Tensor | None = None, states: Sequence[Tensor] = ()
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The output and the final states, in the order of ``state_names``, each num_layers×N×(D·H).

        ``states`` are the first ones: of every name, or of the cell's states alone (carried gates then start
        as they would), or None. They have the shapes of the final ones: going on from those is exact. Raises
        ``ValueError`` as ``forward`` does.
        """
        lengths = lengths_of_steps(x, lengths, self._input_size)
        if torch.compiler.is_exporting():
            return self._exported(x, lengths, states)
        first = self._first(x, states)
        # No batching rule, no forward derivative: what torch.func asks for, plain autograd gives.
        plain = _transformed()
        if self._way == "lowered" and not plain:
            return self._finished(*self._lowered(x, lengths, first), first)
        if self._way == "plain" or plain:
            return self._layered(partial(unrolled, self._cell), x, lengths, first)
        return self._layered(self._compiled_run(lengths), x, lengths, first)

    def _compiled_run(self, lengths: Tensor | None) -> Run:
        """The compiled cell; around it what a sequence of no step needs."""
        run: Run = self._run
        if lengths is None or int(lengths.min()) > 0:
            return run

        def guarded(
            weights: Mapping[str, Tensor],
            x: Tensor,
            states: Sequence[Tensor],
            lengths: Tensor | None,
            reverse: bool,
        ) -> tuple[Tensor, tuple[Tensor, ...]]:
            assert lengths is not None
            sequence, final = run(weights, x, states, lengths.clamp(min=1), reverse)
            inside = (lengths > 0).to(x.device)[:, None]
            kept = (torch.where(inside, new, old) for new, old in zip(final, states, strict=True))
            return torch.where(inside[:, None], sequence, 0.0), tuple(kept)

        return guarded

    def _layered(
        self, run: Run, x: Tensor, lengths: Tensor | None, first: Sequence[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Layer by layer and direction by direction. ``first`` are (layers·directions)×N×H."""
        finals: list[tuple[Tensor, ...]] = []
        for layer in range(self._num_layers):
            outputs = []
            for direction in range(self._directions):
                at = layer * self._directions + direction
                weights = self._weights(self._places[at])
                sequence, final = run(
                    weights, x, [state[at] for state in first], lengths, reverse=direction == 1
                )
                outputs.append(sequence)
                finals.append(final)
            x = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1)
            if self._dropout and layer < self._num_layers - 1:
                x = functional.dropout(x, self._dropout, self.training)
        return self._finished(x, tuple(torch.stack(states) for states in zip(*finals, strict=True)), first)

    def _lowered(
        self, x: Tensor, lengths: Tensor | None, first: Sequence[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        assert self._match is not None
        weights = [self._weights(place) for place in self._places]
        dropout = self._dropout if self.training else 0.0
        return lowering.run(
            self._match, weights, x, dict(zip(self.state_names, first, strict=True)), lengths,
            self._num_layers, self._directions, dropout,
        )  # fmt: skip

    def _finished(
        self, sequence: Tensor, finals: Sequence[Tensor], first: Sequence[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The output as asked for, and the states with both directions side by side."""
        states = tuple(self._beside(state) for state in finals)
        at = self.state_names.index(self._cell.output)
        return (states[at][-1] if self._output == "last" else sequence), states

    def _exported(
        self, x: Tensor, lengths: Tensor | None, states: Sequence[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The same through what exports: for our own export a placeholder of ONNX's operator or of one ``Scan``."""
        run: Run = partial(scanned, self._cell)
        if placeholders_allowed():
            run = partial(scan_placeholder, self._cell)
            if self._match is not None:
                run = partial(operated, self._cell, self._match)
        return self._layered(run, x, lengths, self._first(x, states))

    def _first(self, x: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """The first values of all that is carried, in the order of ``state_names``, each (L·D)×N×H."""
        names = self.state_names
        if len(states) not in (0, len(self._cell.states), len(names)):
            raise ValueError(f"expected the states {', '.join(names)}, found {len(states)} of them")
        size = (len(self._places), x.shape[0], self._hidden_size)
        first: list[Tensor] = []
        for at, name in enumerate(names):
            if at < len(states):
                first.append(self._apart(states[at]))
            elif self._learned and name in self._cell.carried:
                own = [self._parameter(_under(place, f"{name}.initial")) for place in self._places]
                first.append(torch.stack(own)[:, None].expand(size))
            else:
                first.append(x.new_zeros(size))
        return first

    def _apart(self, state: Tensor) -> Tensor:
        """L×N×(D·H) as (L·D)×N×H."""
        if self._directions == 1:
            return state
        return torch.unflatten(state, 2, (self._directions, self._hidden_size)).transpose(1, 2).flatten(0, 1)

    def _beside(self, state: Tensor) -> Tensor:
        """(L·D)×N×H as L×N×(D·H)."""
        if self._directions == 1:
            return state
        return torch.unflatten(state, 0, (self._num_layers, self._directions)).transpose(1, 2).flatten(2)

    def _weights(self, place: str) -> dict[str, Tensor]:
        return {name: self._parameter(_under(place, name)) for name in self._cell.parameters}

    def _parameter(self, name: str) -> Tensor:
        """A parameter by its full name, as it is now: torch.func puts others in its place."""
        *owners, last = name.split(".")
        module: nn.Module = self
        for owner in owners:
            owned = module._modules[owner]
            assert owned is not None
            module = owned
        value: Tensor = getattr(module, last)  # not _parameters: a parametrisation stands there
        return value

    def extra_repr(self) -> str:
        """The cell's name, its width and how it runs, as ``print`` shows the module."""
        return f"{self._cell.name}, hidden_size={self._hidden_size}, way={self._way}"


def _planned(cell: Cell) -> Program | None:
    """The cell's program, if it is not too large for one."""
    try:
        return compile_cell(cell)
    except TooLarge:
        return None


def _chosen(cell: Cell, match: Match | None, program: Program | None, way: Way | None) -> tuple[Way, str]:
    """How to run the cell, and why."""
    if match is not None:
        return "lowered", f"It equals {match.layer}: outputs and gradients agree in float64."
    if way == "lowered":
        raise ValueError(f"`{cell.name}` equals none of torch's layers")
    if way == "plain":
        return "plain", "Step by step, as asked for."
    if program is None:
        return "plain", "Step by step: its equations are too many operations to plan a loop of."
    return _WAYS[program.recurrence]


def _transformed() -> bool:
    """Whether torch.func is at work."""
    return torch._C._are_functorch_transforms_active()


def _traced() -> bool:
    return _transformed() or torch.compiler.is_exporting()


def _places(num_layers: int, directions: int) -> tuple[str, ...]:
    """Where each layer and direction has its parameters: under nothing if there is but one."""
    if num_layers == directions == 1:
        return ("",)
    return tuple(
        f"l{layer}{suffix}" for layer in range(num_layers) for suffix in ("", "_reverse")[:directions]
    )


def _under(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _own(root: nn.Module, name: str, shape: tuple[int, ...]) -> None:
    """Registers an empty parameter under its dotted name. A gate's name may be that of an attribute."""
    *owners, last = name.split(".")
    for owner in owners:
        owned = root._modules.setdefault(owner, Owner())
        assert owned is not None
        root = owned
    root.register_parameter(last, nn.Parameter(torch.empty(shape)))
