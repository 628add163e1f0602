"""Backpropagation through time, looked at: every gate and state of a recurrent layer, and ∂loss/∂ each, per step.

Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen" (1991); Bengio, Simard and Frasconi, "Learning
long-term dependencies with gradient descent is difficult" (1994).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from builder.cells.cell import Cell
from builder.cells.term import Apply, Read, Term, parts
from builder.errors import RunError, did_you_mean
from builder.runtime.cells.module import CellModule
from builder.runtime.cells.plain import unrolled
from builder.runtime.cells.torch_recurrent import TorchRecurrent
from builder.runtime.cells.torch_twin import twin

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ThroughTime:
    """What one layer, in one direction, did at every step.

    ``values`` holds each gate and state, N×T×H, ``gradients`` the loss's derivative by it, of the same
    shape: through all that follows, within the step and after it. Past a sequence's end they are zero.
    """

    cell: Cell
    values: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]

    def norms(self, name: str) -> Array:
        """‖∂loss/∂name_t‖ over all examples together, for every t. Raises ``RunError`` if there is no such name."""
        norms: Array = self.gradients[self.checked(name)].double().norm(dim=(0, 2)).numpy()
        return norms

    def checked(self, name: str) -> str:
        """``name``, if it is a gate or a state. Raises ``RunError``."""
        if name not in self.values:
            known = ", ".join(f"`{other}`" for other in self.values)
            hint = did_you_mean(name, self.values) or f"It has {known}."
            raise RunError(f"`{self.cell.name}` has no gate or state `{name}`", hint)
        return name

    def carried_on(self, state: str) -> Tensor | None:
        """The part of a state that the step before hands on, N×T×H: ``f * c_prev`` of an LSTM.

        None if its equation has no such product. The factor must be a value of this step.
        """
        term = next(equation.term for equation in self.cell.equations if equation.name == state)
        before = nn.functional.pad(self.values[state], (0, 0, 1, 0))[:, :-1]
        found = next((factor for factor in _factors(term, state) if factor in self.values), None)
        return None if found is None else self.values[found] * before


def through_time(
    network: nn.Module, layer: str, loss: Callable[[], Tensor], *, depth: int = -1, reverse: bool = False
) -> ThroughTime:
    """Runs ``loss``, which runs the network and gives a number, and sees every step of one recurrent layer.

    ``depth`` chooses among the layers of ``num_layers``, by default the last; ``reverse`` the direction that
    reads back to front. The layer is worked out equation by equation meanwhile; all else runs as it does.
    Raises ``RunError`` if there is no such recurrent layer, or the loss does not come from it.
    """
    module = _recurrent(network, layer)
    equations = module if isinstance(module, CellModule) else twin(module, module.output)
    seen = _Seen(equations, depth, reverse)
    with torch.enable_grad(), _instead(module, seen.unroll):
        total = loss()
    if not seen.steps:
        raise RunError(f"the network ran without its layer `{layer}`")
    if not total.requires_grad:
        raise RunError(f"the loss does not come from `{layer}`: there is no gradient to follow")
    steps = [seen.steps[t] for t in sorted(seen.steps)]
    made = [value for step in steps for value in step.values() if value.requires_grad]
    slopes = torch.autograd.grad(total, made, allow_unused=True)
    gradient = {id(value): slope for value, slope in zip(made, slopes, strict=True) if slope is not None}
    values, gradients = {}, {}
    for name in steps[0]:
        along = torch.stack([step[name].detach() for step in steps], dim=1)
        nothing = torch.zeros_like(along[:, 0])
        values[name] = along.cpu()
        gradients[name] = torch.stack([gradient.get(id(s[name]), nothing) for s in steps], dim=1).cpu()
    return ThroughTime(equations._cell, values, gradients)


def gradient_norms(
    network: nn.Module,
    layer: str,
    state: str,
    loss: Callable[[], Tensor],
    *,
    depth: int = -1,
    reverse: bool = False,
) -> Array:
    """‖∂loss/∂state_t‖ for every t: see ``through_time``."""
    return through_time(network, layer, loss, depth=depth, reverse=reverse).norms(state)


def asked_of_the_end(output: Tensor, has_time: bool, seed: int = 0) -> Tensor:
    """Σ v·output with seeded standard normal v: a loss that needs no target.

    With ``has_time`` (N×T×…) only the last step is asked for, so that all that reaches an earlier step came
    through time.
    """
    asked = output[:, -1] if has_time else output
    v = torch.randn(asked.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (v.to(asked) * asked).sum()


def recurrent_layers(network: nn.Module) -> tuple[str, ...]:
    """The names of the network's recurrent layers, in order."""
    return tuple(
        n for n, module in network.named_modules() if isinstance(module, CellModule | TorchRecurrent)
    )


def _recurrent(network: nn.Module, name: str) -> CellModule | TorchRecurrent:
    known = recurrent_layers(network)
    if not known:
        raise RunError("the network has no recurrent layer, so nothing goes back through time")
    if name not in known:
        listed = ", ".join(f"`{other}`" for other in known)
        raise RunError(
            f"there is no recurrent layer `{name}`", did_you_mean(name, known) or f"There is {listed}."
        )
    module = network.get_submodule(name)
    assert isinstance(module, CellModule | TorchRecurrent)
    return module


def _factors(term: Term, state: str) -> Iterator[str]:
    """The values of this step that the state of the step before is multiplied by."""
    for part in parts(term):
        if isinstance(part, Apply) and part.function == "multiply" and Read(state, True) in part.operands:
            yield from (
                operand.name
                for operand in part.operands
                if isinstance(operand, Read) and not operand.previous
            )


class _Seen:
    """Unrolls a module by its equations and keeps what each step of one place made."""

    def __init__(self, module: CellModule, depth: int, reverse: bool) -> None:
        self.steps: dict[int, dict[str, Tensor]] = {}
        self._module = module
        directions = module._directions
        if not -module._num_layers <= depth < module._num_layers:
            raise RunError(f"there is no layer {depth}: `num_layers` is {module._num_layers}")
        if reverse and directions == 1:
            raise RunError("the layer reads in one direction alone", "It is not `bidirectional`.")
        self._place = depth % module._num_layers * directions + reverse

    def unroll(
        self, x: Tensor, lengths: Tensor | None = None, states: Sequence[Tensor] = ()
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        self.steps.clear()
        runs = 0

        def run(
            weights: Mapping[str, Tensor],
            x: Tensor,
            states: Sequence[Tensor],
            lengths: Tensor | None,
            reverse: bool,
        ) -> tuple[Tensor, tuple[Tensor, ...]]:
            nonlocal runs
            watch = self.steps.__setitem__ if runs == self._place else None
            runs += 1
            x = x if x.requires_grad else x.detach().requires_grad_()  # frozen weights have a gradient too
            return unrolled(self._module._cell, weights, x, states, lengths, reverse, watch)

        return self._module._layered(run, x, lengths, self._module._first(x, states))


@contextmanager
def _instead(module: nn.Module, unroll: Callable[..., tuple[Tensor, tuple[Tensor, ...]]]) -> Iterator[None]:
    """Within, the module unrolls so, and its ``forward`` gives the first of that."""

    def forward(x: Tensor, lengths: Tensor | None = None, *states: Tensor) -> Tensor:
        return unroll(x, lengths, states)[0]

    own = vars(module)  # an instance's own name comes before its class's
    own.update(unroll=unroll, forward=forward)
    try:
        yield
    finally:
        del own["unroll"], own["forward"]
