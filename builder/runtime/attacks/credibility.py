"""Whether an attack's failure says anything: the signs of robustness that is not there.

After the flags of AutoAttack (Croce & Hein, "Reliable evaluation of adversarial robustness with an ensemble of
diverse parameter-free attacks", 2020) and the checklist of Carlini et al., "On Evaluating Adversarial Robustness"
(2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import torch
from torch import Tensor

from builder.robustness.attacks.attack import Attack
from builder.runtime.attacks.adversarial_training import predicted, with_eps
from builder.runtime.attacks.attack import gradient_report
from builder.runtime.attacks.in_source_units import Sourced
from builder.runtime.attacks.results import Curve, Doubt

FEW: Final = 0.01  # of the examples: so many gradients may be zero
MARGIN: Final = 0.03  # of accuracy: a difference that is more than chance among many examples
CHANCE: Final = 2  # examples: among few, so many more are chance too


class Evaluated(NamedTuple):
    """What was attacked: examples that are classified rightly, N×… in the source's units, and what was found."""

    network: Sourced
    x: Tensor
    y: Tensor
    generator: Callable[[], torch.Generator]
    clean: float
    curves: Mapping[str, Curve]

    @property
    def margin(self) -> float:
        """A difference of accuracies that is more than chance among so many examples."""
        return MARGIN + CHANCE / len(self.x)


def doubts(found: Evaluated, strongest: str | None) -> Iterator[Doubt]:
    """Every reason to doubt the accuracies that were found; ``strongest`` names the attack that left least."""
    yield from _gradients(found)
    yield from _outputs(found)
    for name, curve in found.curves.items():
        for eps, left in zip(curve.eps, curve.accuracy, strict=True):
            if eps == 0 and left != found.clean:
                sentence = (
                    f"{name} at eps 0 leaves {left:.1%}, and {found.clean:.1%} are right without an attack."
                )
                yield Doubt("eps_zero", sentence)
    yield from _one_step_beats_many(found)
    if strongest is not None and not found.curves[strongest].attack.targeted:
        yield from _of_strongest(found, strongest)


def _gradients(evaluated: Evaluated) -> Iterator[Doubt]:
    report = gradient_report(evaluated.network, evaluated.x, evaluated.y)
    for name, share, word in (
        ("zero_gradients", report.zero, "zero"),
        ("broken_gradients", report.broken, "no finite number"),
    ):
        # What looks for the nearest example follows the logits, which a softmax does not flatten.
        if share > FEW and (evaluated.curves or name != "zero_gradients"):
            sentence = (
                f"The gradient of the loss is {word} on {share:.0%} of the examples: attacks that follow it find "
                "no way there. Very large logits do that, such as those of a last layer × 100."
            )
            yield Doubt(name, sentence)
    if not report.repeats:
        sentence = (
            "The same examples give other outputs each time: an attack must be averaged over the randomness."
        )
        yield Doubt("randomness", sentence)


def _outputs(evaluated: Evaluated) -> Iterator[Doubt]:
    with torch.no_grad():
        output = evaluated.network(evaluated.x)
    sums = output.sum(1)
    if float(output.min()) >= 0 and torch.allclose(sums, torch.ones_like(sums), atol=1e-4):
        sentence = "The outputs are probabilities: the attacks' own softmax on top flattens their gradients."
        yield Doubt("probabilities", sentence)


def _one_step_beats_many(evaluated: Evaluated) -> Iterator[Doubt]:
    """Where the gradient at the example itself leads further than following it: it was bent to mislead."""
    one, many = (
        [n for n, c in evaluated.curves.items() if (_steps(c.attack) > 1) == more] for more in (False, True)
    )
    for first in one:
        for other in many:
            mine, theirs = evaluated.curves[first], evaluated.curves[other]
            if mine.attack.norm != theirs.attack.norm:
                continue
            left = dict(zip(theirs.eps, theirs.accuracy, strict=True))
            worse = [
                (e, a)
                for e, a in zip(mine.eps, mine.accuracy, strict=True)
                if left.get(e, a) > a + evaluated.margin
            ]
            if worse:
                eps, accuracy = worse[0]
                sentence = (
                    f"At eps {eps:g} {first} leaves {accuracy:.1%} and {other}, which takes many steps, "
                    f"{left[eps]:.1%}: the gradients lead astray."
                )
                yield Doubt("one_step_beats_many", sentence)


def _of_strongest(evaluated: Evaluated, name: str) -> Iterator[Doubt]:
    """Twice the steps, and a distance at which any image can be reached."""
    attack, largest = evaluated.curves[name].attack, max(evaluated.curves[name].eps)
    steps = _steps(attack)
    if steps > 1 and largest > 0:
        base = with_eps(attack, largest)
        less, more = (
            _left(evaluated, tried) for tried in (base, base.model_copy(update={"steps": 2 * steps}))
        )
        if more < less - evaluated.margin:
            sentence = (
                f"{name} was not at its end: at eps {largest:g} {steps} steps leave {less:.1%} of those that are "
                f"right, {2 * steps} steps {more:.1%}. Give it more `steps`."
            )
            yield Doubt("too_few_steps", sentence)
    whole = 1.0 if attack.norm == "Linf" else math.sqrt(evaluated.x[0].numel())
    classes = evaluated.network(evaluated.x[:1]).shape[1]
    left = _left(evaluated, with_eps(attack, whole))
    if left > 1 / classes + evaluated.margin:
        sentence = (
            f"At eps {whole:g}, where every input is within reach, {name} still leaves {left:.1%} of those that "
            f"are right, above {1 / classes:.1%} by chance: it does not find what is there."
        )
        yield Doubt("large_eps", sentence)


def _left(evaluated: Evaluated, attack: Attack) -> float:
    """The share of the examples that the attack leaves."""
    attacked = attack.perturb(
        evaluated.network, evaluated.x, evaluated.y, evaluated.network.bounds, evaluated.generator()
    )
    return float((predicted(evaluated.network, attacked) == evaluated.y).double().mean())


def _steps(attack: Attack) -> int:
    return int(getattr(attack, "steps", 1))
