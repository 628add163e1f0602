"""Inside a worker: a network under attacks and disturbances, and how far the attacks can be believed.

The attacks know no label: they lead away from what the network itself says of the clean example. Logits are
brought to unit spread first, so that a last layer times 10⁶ hides no gradient. Where a gradient is 0 in single
precision, all is done again in double. A network with layers that saturate is attacked a second time along the
gradients of the same layers unsaturated: Athalye et al., "Obfuscated Gradients Give a False Sense of Security"
(2018), section 4.1 (BPDA).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import numpy as np

from builder.component import Component
from builder.errors import RunError
from builder.robustness.attacks.aim import Logits
from builder.robustness.attacks.attack import Attack
from builder.robustness.disturbances.disturbance import Disturbance
from grader.exchange import Array, Findings, Task
from grader.outcome import Refusal
from grader.running.predictions import loaded, preprocessing_of
from grader.submission.submission import Submission

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from builder.runtime.attacks.in_source_units import Sourced

FEW: Final = 64  # examples that are attacked with more steps
MORE: Final = 4  # times the steps
UNCHANGED: Final = 16  # examples that are attacked with eps 0
SATURATING: Final = frozenset(
    ("Tanh", "Sigmoid", "Hardtanh", "Hardsigmoid", "Softsign", "Softmax", "LogSoftmax")
)


def spread(number: int, most: int) -> Array:
    """The places of at most ``most`` of ``number`` examples, evenly spread."""
    return np.linspace(0, number - 1, min(number, most)).round().astype(np.int64)


def against_the_reference(threats: Sequence[Component], task: Task, submission: Submission) -> Findings:
    """The inputs that everyone is given, ``given.0``…: attacked on the reference, or disturbed."""
    import torch

    bounds = _bounds(task)
    x = torch.from_numpy(task.arrays["inputs"])
    if not any(isinstance(threat, Attack) for threat in threats):
        logits, y = None, None
    else:
        logits = _classes(_network(task, submission, torch.float32))
        y = _said(logits, x, _batch(task))[:, : _number(task)].argmax(1)
    inputs: dict[str, Array] = {}
    for place, threat in enumerate(threats):
        if isinstance(threat, Disturbance):
            changed = _disturbed(threat, x, bounds, _seed(task, place))
        else:
            assert isinstance(threat, Attack) and logits is not None and y is not None
            changed = _attacked(threat, logits, x, y, task, place)
        inputs[f"given.{place}"] = np.ascontiguousarray(changed.numpy())
    return Findings(arrays=inputs)


def against_the_submission(threats: Sequence[Component], task: Task, submission: Submission) -> Findings:
    """The logits of the clean, the attacked and the given inputs, and whether the attacks can be believed.

    Logits are N×classes: ``clean``; ``white.0``…, attacked on this network; ``led.0``…, attacked along its
    gradients unsaturated, where it has ``SATURATING`` layers; ``given.0``…, of the inputs that are given.

    ``masked`` (N) says whose gradient is 0 or no number; ``more.0``… are the logits of ``FEW`` examples under
    more steps. ``repeats`` says that two passes agree, ``holds`` that an attack of eps 0 changes nothing.
    """
    import torch

    attacks = {place: threat for place, threat in enumerate(threats) if isinstance(threat, Attack)}
    given = {place: task.arrays[f"given.{place}"] for place in range(len(threats))}
    double, masked = False, np.zeros(len(task.arrays["inputs"]), bool)
    network = _network(task, submission, torch.float32)
    logits = _classes(network)
    x = torch.from_numpy(task.arrays["inputs"])
    clean = _said(logits, x, _batch(task))
    y = clean[:, : _number(task)].argmax(1)
    if attacks:
        masked = _masked(logits, x, y, task)
        if masked.any():
            double, network, x = True, _network(task, submission, torch.float64), x.double()
            logits = _classes(network)
            masked = _masked(logits, x, y, task)
    arrays = {"clean": clean.float().numpy(), "masked": masked.astype(np.uint8)}
    for place, threat in attacks.items():
        attacked = _attacked(threat, logits, x, y, task, place)
        arrays[f"white.{place}"] = _said(logits, attacked, _batch(task)).float().numpy()
        with _unsaturated(network) as changed:
            led = _attacked(threat, logits, x, y, task, place) if changed else None
        if led is not None:
            arrays[f"led.{place}"] = _said(logits, led, _batch(task)).float().numpy()
        if (stronger := _with_more_steps(threat)) is not None:
            few = torch.from_numpy(spread(len(x), FEW))
            harder = _attacked(stronger, logits, x[few], y[few], task, place)
            arrays[f"more.{place}"] = _said(logits, harder, _batch(task)).float().numpy()
    for place, array in given.items():
        arrays[f"given.{place}"] = (
            _said(logits, torch.from_numpy(array).to(x.dtype), _batch(task)).float().numpy()
        )
    again = _said(logits, x, _batch(task)).float()
    return Findings(
        {
            "repeats": bool(torch.allclose(again, clean.float(), rtol=1e-3, atol=1e-5, equal_nan=True)),
            "holds": _holds(next(iter(attacks.values()), None), logits, x[:UNCHANGED], y[:UNCHANGED], task),
            "double": double,
        },
        arrays,
    )


def _network(task: Task, submission: Submission, dtype: torch.dtype) -> Sourced:
    """The submitted network of the source's examples, its weights fixed."""
    from builder.runtime.attacks.in_source_units import Sourced

    preprocessing = preprocessing_of(task, submission, task.arrays["inputs"].shape)
    network = Sourced(loaded(submission), preprocessing, _bounds(task)).to(dtype).eval()
    for weight in network.parameters():
        weight.requires_grad_(False)
    return network


def _classes(network: Sourced) -> Logits:
    """Its logits, N×classes: at least two."""
    import torch

    def logits(x: Tensor) -> Tensor:
        z: Tensor = network(x)
        return torch.cat([torch.zeros_like(z), z], 1) if z.shape[1] == 1 else z  # one value: above 0, or not

    return logits


@contextmanager
def _unsaturated(network: Sourced) -> Iterator[bool]:
    """The same outputs, and gradients as if no ``SATURATING`` layer were beyond 1; whether there is one."""
    import torch

    def unsaturated(layer: torch.nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
        (z,) = given
        size = z.detach().abs()
        if isinstance(layer, torch.nn.Softmax | torch.nn.LogSoftmax):
            size = size.amax(-1 if layer.dim is None else layer.dim, keepdim=True)
        near: Tensor = layer.forward(z / size.clamp(min=1))
        return near + (output - near).detach()

    hooks = [
        layer.register_forward_hook(unsaturated)
        for layer in network.modules()
        if type(layer).__name__ in SATURATING
    ]
    try:
        yield bool(hooks)
    finally:
        for hook in hooks:
            hook.remove()


def _led(logits: Logits, number: int) -> Logits:
    """What attacks follow: the logits of the data's classes alone, at unit spread."""
    from builder.runtime.attacks.attack import at_unit_spread

    # One more output, far below, would be all of the spread.
    return at_unit_spread(lambda x: logits(x)[:, :number])


def _said(logits: Logits, x: Tensor, batch: int) -> Tensor:
    import torch

    with torch.inference_mode():
        return torch.cat([logits(part) for part in torch.split(x, batch)])


def _attacked(attack: Attack, logits: Logits, x: Tensor, y: Tensor, task: Task, place: int) -> Tensor:
    """The inputs under an attack that leads away from ``y``. Raises ``Refusal`` for what cannot be attacked."""
    import torch

    generator = torch.Generator().manual_seed(_seed(task, place))
    scaled, batch = _led(logits, _number(task)), _batch(task)
    try:
        return torch.cat(
            [
                attack.perturb(scaled, part, said, _bounds(task), generator)
                for part, said in zip(torch.split(x, batch), torch.split(y, batch), strict=True)
            ]
        )
    except RunError as error:
        raise Refusal("a network that can be attacked", error.problem, error.hint) from None


def _disturbed(disturbance: Disturbance, x: Tensor, bounds: tuple[float, float], seed: int) -> Tensor:
    import torch

    low, high = bounds
    generator = torch.Generator().manual_seed(seed)
    return disturbance.apply((x - low) / (high - low), generator) * (high - low) + low


def _masked(logits: Logits, x: Tensor, y: Tensor, task: Task) -> Array:
    """Whose gradient of the cross-entropy is 0 everywhere, or no finite number: N, bool."""
    import torch
    from torch.nn.functional import cross_entropy

    scaled, batch = _led(logits, _number(task)), _batch(task)
    parts = []
    for part, said in zip(torch.split(x, batch), torch.split(y, batch), strict=True):
        part = part.detach().requires_grad_()
        loss = cross_entropy(scaled(part), said, reduction="sum")
        if not loss.requires_grad:
            parts.append(torch.ones(len(part), dtype=torch.bool))
            continue
        (slope,) = torch.autograd.grad(loss, part, allow_unused=True)
        flat = torch.zeros(len(part), 1) if slope is None else slope.flatten(1)
        parts.append((flat == 0).all(1) | ~flat.isfinite().all(1))
    masked: Array = torch.cat(parts).numpy()
    return masked


def _with_more_steps(attack: Attack) -> Attack | None:
    """The same attack with more steps of the size that fits them, if it takes steps within a distance."""
    steps = getattr(attack, "steps", None)
    if steps is None or attack.minimal:
        return None
    return attack.model_copy(
        update={"steps": MORE * steps, "alpha": None} if hasattr(attack, "alpha") else {"steps": MORE * steps}
    )


def _holds(attack: Attack | None, logits: Logits, x: Tensor, y: Tensor, task: Task) -> bool:
    """Whether the attack with eps 0 leaves every input as it is."""
    import torch

    if attack is None:
        return True
    return torch.equal(_attacked(attack.model_copy(update={"eps": 0.0}), logits, x, y, task, 0), x)


def _bounds(task: Task) -> tuple[float, float]:
    low, high = task.parameters["bounds"]
    return float(low), float(high)


def _number(task: Task) -> int:
    return int(task.parameters["classes"])


def _batch(task: Task) -> int:
    return int(task.parameters["batch"])


def _seed(task: Task, place: int) -> int:
    return int(task.parameters["seed"]) * 1_000_003 + place
