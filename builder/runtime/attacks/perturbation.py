"""The mathematics that attacks share: gradients with respect to the input, balls, steps and projections.

Everything is per example: losses are summed, never averaged, so that a batch changes nothing.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Final, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from builder.errors import RunError
from builder.robustness.attacks.aim import Aim, Logits, Neighbourhood, Norm

Loss = Callable[[Tensor, Aim], Tensor]  # logits N×classes to N: the larger, the nearer to the aim
NO_GRADIENTS: Final = "The network has no gradients"
ATTACK_THE_MODULE: Final = (
    "A detached tensor, an argmax and an ONNX file have none: attack the module that gives the logits."
)
SLACK: Final = 1e-6  # how far inputs may lie outside their bounds, as a share of the range: rounding


class Watched:
    """What is attacked: it says at once, in a sentence, why it cannot be.

    ``x`` and ``y`` are the checked inputs, detached from any graph, ``bounds`` the checked bounds. Raises
    ``RunError`` for inputs of another form; at the first call for a network that is no classifier of these
    classes; at any for a missing gradient.
    """

    def __init__(self, logits: Logits, x: Tensor, y: Tensor, bounds: tuple[float, float]) -> None:
        self._logits = logits
        self._seen = False
        self.bounds: Final = _pair(bounds)
        self.x: Final = _inputs(x, self.bounds)
        self.y: Final = _classes(y, self.x)

    def __call__(self, x: Tensor) -> Tensor:
        """The logits of x, N×classes. Raises ``RunError`` if the network cannot be attacked."""
        try:
            z = self._logits(x.clone())  # a first layer that works in place is to spoil a copy
        except RuntimeError as error:
            cause = self._cause(str(error), x)
            if cause is None:
                raise
            raise cause from None
        if not self._seen:
            self._check(z, x)
            self._seen = True
        if x.requires_grad and not z.requires_grad:
            raise RunError(f"{NO_GRADIENTS}: its output does not lead back to its input.", ATTACK_THE_MODULE)
        return z

    def _cause(self, message: str, x: Tensor) -> RunError | None:
        """What torch's error means, where a sentence can say it."""
        if "numpy() on Tensor that requires grad" in message:
            return RunError(f"{NO_GRADIENTS}: it takes its input as a NumPy array.", ATTACK_THE_MODULE)
        parameters = self._logits.parameters() if isinstance(self._logits, nn.Module) else ()
        types = {p.dtype for p in parameters if p.is_floating_point()}
        if "type" not in message or not types or x.dtype in types:
            return None
        wanted = " and ".join(sorted(map(str, types)))
        return RunError(
            f"The inputs are {x.dtype}, and the network's weights {wanted}.",
            f"Write `x.to({sorted(map(str, types))[0]})`.",
        )

    def _check(self, z: object, x: Tensor) -> None:
        if not isinstance(z, Tensor):
            raise RunError(f"{NO_GRADIENTS}: it gives a `{type(z).__name__}`, no tensor.", ATTACK_THE_MODULE)
        if not z.is_floating_point():
            raise RunError(f"{NO_GRADIENTS}: it gives whole numbers ({z.dtype}).", ATTACK_THE_MODULE)
        if z.dim() != 2 or len(z) != len(x) or z.shape[1] < 2:
            raise RunError(
                f"An attack needs logits N×classes, at least two classes: {len(x)} examples give {list(z.shape)}.",
                "A network of one output is attacked through two logits, 0 and its own."
                if z.dim() == 2 and z.shape[1] == 1
                else None,
            )
        if len(self.y) and int(self.y.max()) >= z.shape[1]:
            raise RunError(
                f"There is a class {int(self.y.max())} in `y`, and the network has {z.shape[1]}: "
                f"0 to {z.shape[1] - 1}."
            )


def _pair(bounds: object) -> tuple[float, float]:
    numbers: tuple[float, ...] = ()
    if isinstance(bounds, Iterable) and not isinstance(bounds, str | bytes):
        with suppress(TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor that is no number
            numbers = tuple(float(bound) for bound in bounds)
    if len(numbers) != 2:
        raise RunError(
            f"Bounds are a smaller and a larger finite number, not {reprlib.repr(bounds)}.",
            "Write `bounds=(0, 1)`, or whatever range the data have.",
        )
    low, high = numbers
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise RunError(f"Bounds are a smaller and a larger finite number, not ({low:g}, {high:g}).")
    return low, high


def _inputs(x: Tensor, bounds: tuple[float, float]) -> Tensor:
    low, high = bounds
    x = _tensor(x, "x").detach()
    if x.dim() < 2 or not x.is_floating_point():
        raise RunError(f"An attack needs inputs N×… of real numbers, not {list(x.shape)} of {x.dtype}.")
    slack = SLACK * (high - low)
    if x.numel() and not (float(x.min()) >= low - slack and float(x.max()) <= high + slack):  # false for NaN
        raise RunError(
            f"Inputs lie from {float(x.min()):g} to {float(x.max()):g}, outside their bounds ({low:g}, {high:g}).",
            "Bounds are the range of the data as the network takes them.",
        )
    return x.clone() if x.is_inference() else x  # a tensor of inference mode can have no gradient


def _classes(y: Tensor, x: Tensor) -> Tensor:
    y = _tensor(y, "y").detach()
    if y.shape != x.shape[:1] or y.dtype != torch.int64:
        raise RunError(f"{len(x)} examples need as many classes (int64), not {list(y.shape)} of {y.dtype}.")
    if y.numel() and int(y.min()) < 0:
        raise RunError(f"There is a class {int(y.min())} in `y`, and classes count from 0.")
    return (y.clone() if y.is_inference() else y).to(x.device)


def _tensor(given: object, name: str) -> Tensor:
    if not isinstance(given, Tensor):
        raise RunError(
            f"An attack needs tensors, and `{name}` is a `{type(given).__name__}`.",
            f"Write `torch.as_tensor({name})`.",
        )
    return given


@contextmanager
def unchanged(logits: Logits) -> Iterator[None]:
    """Gradients are on; a module is in evaluation mode, and each of its parts is back in its own mode after."""
    modes = {part: part.training for part in logits.modules()} if isinstance(logits, nn.Module) else {}
    # cuDNN goes back through a recurrent layer in training mode alone. Other networks keep its flags as they are.
    recurrent = any(isinstance(part, nn.RNNBase) for part in modes)
    without = torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext()
    try:
        for part in modes:
            part.training = False
        with torch.inference_mode(False), torch.enable_grad(), without:
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode


class Slope(NamedTuple):
    """A loss and where it rises: its gradient with respect to the input (N×…), its value (N), the logits."""

    gradient: Tensor
    loss: Tensor
    logits: Tensor


def cross_entropy(logits: Tensor, aim: Aim) -> Tensor:
    """The loss log Σ_j exp z_j − z_y of each example, negative towards a target: N."""
    loss = functional.cross_entropy(logits, aim.y, reduction="none")
    return -loss if aim.targeted else loss


def slope(logits: Logits, x: Tensor, aim: Aim, loss: Loss = cross_entropy) -> Slope:
    """The loss at ``x`` and its gradient there. No parameter's ``grad`` is touched."""
    x = x.detach().requires_grad_()
    z = logits(x)
    value = loss(z, aim)
    return Slope(back(value.sum(), x), value.detach(), z.detach())


def back(value: Tensor, x: Tensor, keep: bool = False) -> Tensor:
    """∂value/∂x; ``keep`` the graph for another. Raises ``RunError`` where ``x`` has no part in it."""
    (gradient,) = torch.autograd.grad(value, x, retain_graph=keep, allow_unused=True)
    if gradient is None:
        raise RunError(f"{NO_GRADIENTS}: its output does not depend on its input.")
    return gradient


def of_class(logits: Tensor, y: Tensor) -> Tensor:
    """The logit of the class ``y`` (int64, N) of each example: N."""
    return logits.gather(1, y.unsqueeze(1)).squeeze(1)


def others(logits: Tensor, y: Tensor) -> Tensor:
    """The logits with that of ``y`` at −∞."""
    return logits.scatter(1, y.unsqueeze(1), -math.inf)


def lead(logits: Tensor, aim: Aim) -> Tensor:
    """How far each example is past the boundary it is to cross, in logits (N); negative before it.

    The largest other logit minus that of y, or, ``targeted``, that of y minus the largest other.
    """
    margin = others(logits, aim.y).amax(1) - of_class(logits, aim.y)
    return -margin if aim.targeted else margin


def reached(logits: Tensor, aim: Aim) -> Tensor:
    """Whether each example is where the aim is: N, bool."""
    return (logits.argmax(1) == aim.y) == aim.targeted


def over(values: Tensor, like: Tensor) -> Tensor:
    """One value per example (N), shaped to meet ``like`` (N×…)."""
    return values.reshape(-1, *(1 for _ in like.shape[1:]))


def length(delta: Tensor) -> Tensor:
    """The 2-norm of each example: N."""
    norm: Tensor = torch.linalg.vector_norm(delta.flatten(1), dim=1)
    return norm


def unit(delta: Tensor) -> Tensor:
    """Each example at 2-norm 1; 0 stays 0. The largest entry is divided out first, whose square may underflow."""
    tiny = torch.finfo(delta.dtype).tiny
    delta = delta / over(delta.flatten(1).abs().amax(1).clamp_min(tiny), delta)
    return delta.div_(over(length(delta).clamp_min(tiny), delta))


def at_mean_one(gradient: Tensor) -> Tensor:
    """Each example divided by the mean of its magnitudes; 0 stays 0."""
    size = gradient.abs().flatten(1).mean(1)
    return gradient / over(size.clamp_min_(torch.finfo(gradient.dtype).tiny), gradient)


class Ball(NamedTuple):
    """All inputs within ``eps`` of ``centre`` (N×…) in a norm, and within the bounds; no ``eps``: the bounds alone.

    ``eps`` is in units of data scaled to [0, 1], ``radius`` in the centre's own. An ``eps`` beyond what the bounds
    hold says no more than the bounds: squares of a very large one would overflow.
    """

    centre: Tensor
    norm: Norm
    eps: float | None
    bounds: tuple[float, float]

    @property
    def span(self) -> float:
        """What one unit of data scaled to [0, 1] is here."""
        return self.bounds[1] - self.bounds[0]

    @property
    def diagonal(self) -> float:
        """The largest distance between two inputs within the bounds, in units of ``eps``."""
        return 1.0 if self.norm == "Linf" else math.sqrt(math.prod(self.centre.shape[1:]))

    @property
    def radius(self) -> float:
        """The largest distance from the centre."""
        return math.inf if self.eps is None else min(self.eps, self.diagonal) * self.span

    def of(self, chosen: Tensor) -> Ball:
        """The balls of some examples: a mask or indices."""
        return self._replace(centre=self.centre[chosen])

    def project_(self, at: Tensor) -> Tensor:
        """The nearest point of the ball, then of the bounds, in place.

        Linf: x + clip(at − x, −r, r); L2: x + (at − x)·min(1, r/‖at − x‖₂).

        From (0.8, 0.9), which is 0.5 from the centre in L2, to balls of radius 0.25:

        >>> centre, at = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.8, 0.9]])
        >>> for norm in ("Linf", "L2"):
        ...     nearest = Ball(centre, norm, 0.25, (0.0, 1.0)).project_(at.clone())
        ...     print(norm, nearest.double().round(decimals=4).tolist())
        Linf [[0.75, 0.75]]
        L2 [[0.65, 0.7]]
        """
        at.sub_(self.centre)
        if self.norm == "Linf":
            at.clamp_(-self.radius, self.radius)
        else:
            at.mul_(over((self.radius / length(at)).nan_to_num_(1.0).clamp_max_(1.0), at))
        return at.add_(self.centre).clamp_(*self.bounds)

    def direction(self, gradient: Tensor) -> Tensor:
        """The step of length 1 that climbs most: the sign (0 where the gradient is 0), or the unit gradient."""
        return gradient.sign() if self.norm == "Linf" else unit(gradient)

    def distance(self, lead: Tensor, gradient: Tensor) -> Tensor:
        """How far it is to where ``lead`` (N, negative) is 0, were it linear: |lead|/‖gradient‖ in the dual norm.

        A logit 1 short, where the gradient is (3, −4): 1/(3 + 4) in Linf, 1/5 in L2.

        >>> for norm in ("Linf", "L2"):
        ...     ball = Ball(torch.zeros(1, 2), norm, 0.25, (0.0, 1.0))
        ...     distance = ball.distance(torch.tensor([-1.0]), torch.tensor([[3.0, -4.0]]))
        ...     print(norm, distance.double().round(decimals=4).tolist())
        Linf [0.1429]
        L2 [0.2]
        """
        flat = gradient.flatten(1)
        return -lead / (flat.abs().sum(1) if self.norm == "Linf" else length(flat))

    def start(self, generator: Generator) -> Tensor:
        """A uniformly random point of the ball, drawn on the CPU: the same on every device."""
        shape = self.centre.shape
        if self.norm == "Linf":
            delta = torch.rand(shape, generator=generator).mul_(2).sub_(1)
        else:
            delta = unit(torch.randn(shape, generator=generator))
            far = torch.rand(len(delta), generator=generator) ** (1 / max(1, delta[:1].numel()))
            delta.mul_(over(far, delta))
        return self.project_(delta.to(self.centre).mul_(self.radius).add_(self.centre))

    def held(self, found: Tensor) -> Tensor:
        """What was found, within the ball; the centre where it is no finite number.

        A point that the steps left in the ball does not move by a bit for Linf: its faces are x ± eps as rounded;
        nor does any where there is no ``eps``.
        """
        x, (low, high) = self.centre, self.bounds
        finite = over(found.flatten(1).isfinite().all(1), x)
        found = torch.where(finite, found.detach(), x)
        if self.eps is None:
            return found.clamp(low, high)
        if self.norm == "Linf":
            return found.clamp(x - self.radius, x + self.radius).clamp_(low, high)
        return self.project_(found)


def ascend(
    logits: Logits,
    ball: Neighbourhood,
    at: Tensor,
    aim: Aim,
    steps: int,
    stride: float,
    heading: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Where ``steps`` projected steps of the cross-entropy lead from ``at``, which is overwritten.

    ``heading`` makes of each gradient in turn what is followed instead.
    """
    for _ in range(steps):
        gradient = slope(logits, at, aim).gradient
        at.add_(ball.direction(heading(gradient) if heading else gradient), alpha=stride)
        ball.project_(at)
    return at


def ascend_until_reached(
    logits: Logits, ball: Neighbourhood, at: Tensor, aim: Aim, steps: int, stride: float
) -> Tensor:
    """As ``ascend``; an example that has arrived stays there, and is computed no more."""
    ends, left = at, torch.arange(len(at), device=at.device)
    at = at.clone()
    for _ in range(steps):
        if not len(left):
            return ends
        gradient, _, z = slope(logits, at, aim)
        if (there := reached(z, aim)).any():
            ends[left] = at
            on = ~there
            left, at, gradient, ball, aim = left[on], at[on], gradient[on], ball.of(on), aim.of(on)
        at.add_(ball.direction(gradient), alpha=stride)
        ball.project_(at)
    ends[left] = at
    return ends


def retried(
    logits: Logits,
    found: Tensor,
    ball: Neighbourhood,
    aim: Aim,
    once: Callable[[Tensor, Neighbourhood, Aim], Tensor],
    times: int,
    generator: Generator,
) -> Tensor:
    """``found`` with ``once`` from random starts, ``times`` at most, for the examples that withstand."""
    for _ in range(times):
        start = ball.start(generator)  # for all: which examples are left changes no other's start
        with torch.no_grad():
            left = ~reached(logits(found), aim)
        if not left.any():
            break
        found[left] = once(start[left], ball.of(left), aim.of(left))
    return found
