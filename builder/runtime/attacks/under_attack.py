"""A run under attack: how much of its accuracy is left at each distance, and whether that can be believed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

from builder.errors import RunError
from builder.robustness.attackable import obstacles
from builder.robustness.attacks.attack import Attack
from builder.runtime.attacks.adversarial_training import predicted, with_eps
from builder.runtime.attacks.credibility import Evaluated, doubts
from builder.runtime.attacks.in_source_units import Sourced
from builder.runtime.attacks.perturbation import unchanged
from builder.runtime.attacks.results import Curve, Nearest, Pictures, Robustness
from builder.runtime.data.splits import check_part, load_arrays
from builder.runtime.runs.run import Run, refuse_gan

AT_ONCE: Final = 250  # examples attacked together
LOOKED_THROUGH: Final = 200  # examples among which pictures are sought

Step = Callable[[int, int], None]  # (attacks on a chunk done, of how many)


def attack_run(
    run: Run,
    attacks: Mapping[str, Attack],
    eps: Sequence[float] | None = None,
    *,
    part: str = "test",
    examples: int = 1000,
    seed: int = 0,
    watch: Step | None = None,
) -> Robustness:
    """Attacks a run on a part of its data, each attack at each distance.

    ``eps``: distances in units of the source's declared range scaled to [0, 1]; absent: nothing and four steps up
    to each attack's own. Attacks that look for the nearest adversarial example are asked once. ``examples`` are
    drawn with the seed if the part has more. Runs where ``run.module`` is. Raises ``RunError`` for a run that
    cannot be attacked, ``DataError`` if its data has no such part.
    """
    for name, attack in attacks.items():
        farthest = max(eps or (0.0,))
        if attack.norm == "Linf" and not attack.minimal and farthest > 1:
            raise RunError(
                f"An eps of {farthest:g} is asked for, and the data's whole range is 1 for `{name}` in Linf.",
                f"{farthest:g} was meant as {farthest:g}/255?",
            )
    network = _sourced(run)
    x, y = _examples(run, part, examples, seed)
    with unchanged(network):
        return _Siege(network, x, y, seed, watch).result(part, attacks, eps)


class _Siege:
    """One network, one set of examples, one attack after another."""

    def __init__(self, network: Sourced, x: Tensor, y: Tensor, seed: int, watch: Step | None) -> None:
        self._network = network
        self._device = next((p.device for p in network.parameters()), torch.device("cpu"))
        self._x, self._y = x.to(self._device), y.to(self._device)
        self._right = torch.cat([predicted(network, a) for a in torch.split(self._x, AT_ONCE)]) == self._y
        self._seed = seed
        self._watch = watch
        self._done = self._total = 0

    def result(self, part: str, attacks: Mapping[str, Attack], eps: Sequence[float] | None) -> Robustness:
        at = {name: _distances(attack, eps) for name, attack in attacks.items() if not attack.minimal}
        chunks = math.ceil(int(self._right.sum()) / AT_ONCE)
        self._total = chunks * (sum(map(len, at.values())) + len(attacks) - len(at))
        standing = {
            name: [self._standing(with_eps(attacks[name], distance)) for distance in distances]
            for name, distances in at.items()
        }
        curves = {name: self._curve(attacks[name], at[name], left) for name, left in standing.items()}
        nearest = {name: self._nearest(attack) for name, attack in attacks.items() if attack.minimal}
        norms = {attacks[name].norm for name in at}  # the same number is another distance in another norm
        same = len(set(at.values())) == len(norms) == 1 and len(at) > 1
        together = (
            [torch.stack(masks).all(0) for masks in zip(*standing.values(), strict=True)] if same else []
        )
        clean = float(self._right.double().mean())
        strongest = min(curves, key=lambda name: sum(curves[name].accuracy), default=None)
        worst = self._curve(attacks[str(strongest)], next(iter(at.values())), together) if together else None
        right = self._right.nonzero().flatten()[:LOOKED_THROUGH]
        evaluated = Evaluated(self._network, self._x[right], self._y[right], self._generator, clean, curves)
        reasons = tuple(doubts(evaluated, strongest)) if len(right) else ()
        shown = self._pictures(strongest or next(iter(nearest)), attacks, curves)
        return Robustness(part, len(self._x), clean, curves, nearest, worst, reasons, shown)

    def _standing(self, attack: Attack) -> Tensor:
        """Which examples are classified rightly, without the attack and under it."""
        standing = self._right.clone()
        for chosen, attacked in self._attacked(attack):
            standing[chosen] = predicted(self._network, attacked) == self._y[chosen]
        return standing

    def _nearest(self, attack: Attack) -> Nearest:
        low, high = self._network.bounds
        order = 2 if attack.norm == "L2" else math.inf
        distances: list[float] = []
        for chosen, attacked in self._attacked(attack):
            fooled = predicted(self._network, attacked) != self._y[chosen]
            moved = (attacked - self._x[chosen])[fooled].flatten(1) / (high - low)
            distances += torch.linalg.vector_norm(moved, order, dim=1).tolist()
        return Nearest(attack, int(self._right.sum()), tuple(distances))

    def _attacked(self, attack: Attack) -> Iterator[tuple[Tensor, Tensor]]:
        """The examples that are classified rightly, in chunks: their places, and what the attack makes of them."""
        draws = self._generator()
        for chosen in torch.split(self._right.nonzero().flatten(), AT_ONCE):
            x, y = self._x[chosen], self._y[chosen]
            if attack.targeted:
                y = self._targets(y, draws)
            yield chosen, attack.perturb(self._network, x, y, self._network.bounds, draws)
            self._done += 1
            if self._watch is not None:
                self._watch(self._done, self._total)

    def _targets(self, y: Tensor, draws: torch.Generator) -> Tensor:
        """For each example another class than its own."""
        classes = self._network(self._x[:1]).shape[1]
        others = torch.randint(1, classes, y.shape, generator=draws).to(y.device)
        return torch.remainder(y + others, classes)

    def _curve(self, attack: Attack, eps: Sequence[float], standing: Sequence[Tensor]) -> Curve:
        return Curve(attack, tuple(eps), tuple(float(right.double().mean()) for right in standing))

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self._seed)

    def _pictures(
        self, name: str, attacks: Mapping[str, Attack], curves: Mapping[str, Curve], count: int = 5
    ) -> Pictures | None:
        """Some that the attack fools: where it fools half of all, or at its farthest. Only of images."""
        if self._x.dim() != 4 or self._x.shape[1] not in (1, 3):
            return None
        attack, eps = attacks[name], None
        if name in curves:
            curve = curves[name]
            half = [
                e for e, left in zip(curve.eps, curve.accuracy, strict=True) if left <= curve.accuracy[0] / 2
            ]
            eps = min(half, default=max(curve.eps))
            attack = with_eps(attack, eps)
        chosen = self._right.nonzero().flatten()[:LOOKED_THROUGH]
        x, y = self._x[chosen], self._y[chosen]
        if not len(x):
            return None
        draws = self._generator()
        aim = self._targets(y, draws) if attack.targeted else y
        attacked = attack.perturb(self._network, x, aim, self._network.bounds, draws)
        with torch.no_grad():
            odds = torch.stack([self._network(images).softmax(1) for images in (x, attacked)], dim=1)
        sure, said = odds.max(2)
        fooled = (said[:, 1] != y).nonzero().flatten()
        seen = _different(y[fooled], count)
        if not len(seen):
            return None
        taken = fooled[seen]
        low, high = self._network.bounds
        return Pictures(
            name,
            eps,
            ((x[taken] - low) / (high - low)).cpu(),
            ((attacked[taken] - low) / (high - low)).cpu(),
            tuple(y[taken].tolist()),
            tuple((int(a), int(b)) for a, b in said[taken].tolist()),
            tuple((float(a), float(b)) for a, b in sure[taken].tolist()),
        )


def _different(labels: Tensor, count: int) -> list[int]:
    """Places of at most ``count`` labels, each class before any comes again."""
    met: dict[int, int] = {}
    turns = []
    for place, label in enumerate(labels.tolist()):
        met[label] = met.get(label, 0) + 1
        turns.append((met[label], place))
    return sorted(place for _, place in sorted(turns)[:count])


def _distances(attack: Attack, eps: Sequence[float] | None) -> tuple[float, ...]:
    if eps is not None:
        return tuple(eps)
    own = attack.eps or 0.0
    return tuple(own * quarter / 4 for quarter in range(5))


def _sourced(run: Run) -> Sourced:
    """The run's network in its source's units. Raises ``RunError`` if it cannot be attacked."""
    spec = run.spec
    refuse_gan(run, "Attack a classifier that was trained on the same data.")
    if spec.data is None:
        raise RunError(
            f"The data of the run `{run.folder}` cannot be found, so there is nothing to attack.",
            "Put it back where `spec.yaml` looks for it.",
        )
    (arrives,), (output,) = spec.inputs.values(), spec.graph.output_types.values()
    target = spec.data.describe(spec.folder).target
    span = spec.data.fitted.describe(spec.folder).range
    for cause in obstacles(arrives, output, target, span):
        raise RunError(f"The run `{run.folder}` cannot be attacked: {cause.problem}.", cause.hint)
    assert span is not None, "an obstacle"
    return Sourced(run.module, run.preprocessing, span)


def _examples(run: Run, part: str, examples: int, seed: int) -> tuple[Tensor, Tensor]:
    """Examples in the source's units after geometry, and their classes: all, or some drawn with the seed."""
    check_part(part)
    assert run.spec.data is not None, "asked before"
    arrays = load_arrays(run.spec.data, run.spec.folder, part)
    if arrays.lengths is not None:
        raise RunError(f"The run `{run.folder}` cannot be attacked: its examples are of unequal lengths.")
    x, y = torch.from_numpy(arrays.x), torch.from_numpy(arrays.y)
    if len(x) > examples:
        chosen = (
            torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:examples].sort().values
        )
        x, y = x[chosen], y[chosen]
    return x, y
