"""robustness: what is left of the accuracy under the worst of several attacks and disturbances.

Tests of an evaluation that may mislead: Carlini et al., "On Evaluating Adversarial Robustness" (2019); Croce &
Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks" (2020).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self, final

import numpy as np
from pydantic import model_validator

from builder.component import Accepted, Catalogue, Choices, Component, Rejected
from builder.data.section import Data
from builder.errors import Cause, did_you_mean
from builder.fields import Count, Natural, Probability
from builder.robustness.attacks.attack import Attack, attacks
from builder.robustness.disturbances.disturbance import Disturbance, disturbances
from builder.training.metrics.classification import predicted
from grader.check import Brief, Check, Subject
from grader.checks.accuracy import wilson
from grader.exchange import Array, Examples, Findings, Role, Task
from grader.outcome import Failed, Outcome, Passed
from grader.running.predictions import held, misfit, said_of
from grader.running.under_attack import (
    FEW,
    MORE,
    SATURATING,
    against_the_reference,
    against_the_submission,
    spread,
)
from grader.submission.submission import Submission

BATCH_VALUES: Final = 1 << 21
FORWARD_AND_BACK: Final = 3  # times forward alone
MASKED: Final = 0.01  # of the examples that are right: more make an evaluation that says nothing
STRAY: Final = 0.02  # of the examples: what luck may do to one attack against another
_HIDDEN: Final = "gradients that lead the attacks"
_REPEATED: Final = ("steps", "restarts", "search_steps", "binary_search_steps")


@final  # no check: the catalogue of checks reads `@final` alone on its line
class _Threats(Catalogue[Component]):
    """Both catalogues as one."""

    def __init__(self) -> None:
        super().__init__("attack or disturbance", "builder.robustness.attacks", Component)

    def __contains__(self, name: object) -> bool:
        return name in attacks or name in disturbances

    def __iter__(self) -> Iterator[str]:
        yield from attacks
        yield from disturbances

    def __getitem__(self, name: str) -> type[Component]:
        return attacks[name] if name in attacks else disturbances[name]

    def module_of(self, name: str) -> str:
        return attacks.module_of(name) if name in attacks else disturbances.module_of(name)

    def get(self, name: str) -> type[Component]:
        if name not in self:
            raise Cause(f"there is no {self.kind} `{name}`", did_you_mean(name, self))
        return self[name]


threats: Final[Catalogue[Component]] = _Threats()


@final
class robustness(Check):
    """Your network is right, and stays right under the worst of these attacks and disturbances.

    An example counts if it is right as it is and under every one of `worst_of`; the share of all examples that
    count earns credit in a straight line from `zero` to `full`. An attack goes against your network, from what it
    says of the clean example, within `eps` in units of data scaled to [0, 1]; the same attack on the reference is
    always tried too. Examples whose gradient is 0 were not attacked, and do not count; more than 1 % of them, and
    there is no credit. `examples` is how many are tried (absent: all). The scale of your logits, and that of your
    input, make no difference.
    """

    reads: ClassVar[tuple[Role, ...]] = ("model", "weights")
    needs_reference: ClassVar[bool] = True
    reference_needs: ClassVar[tuple[Role, ...]] = ("weights",)
    needs_examples: ClassVar[bool] = True

    accepts: ClassVar[tuple[Accepted, ...]] = (
        Accepted("{worst_of: [{FGSM: {eps: 0.1}}, {PGD: {eps: 0.1, steps: 20}}], zero: 0.1, full: 0.5}"),
        Accepted("{worst_of: [{Rotation: 15}, {Blur: {severity: 3}}], zero: 0.5, full: 0.9, examples: 200}"),
    )
    rejects: ClassVar[tuple[Rejected, ...]] = (
        Rejected("{zero: 0, full: 1}", "`robustness` needs `worst_of`"),
        Rejected("{worst_of: [], zero: 0, full: 1}", "`worst_of` is empty"),
        Rejected("{worst_of: [{FGSM: 0.1}], zero: 0.5, full: 0.5}", "`full` is 0.5, and must be above `zero`, 0.5"),
        Rejected(
            "{worst_of: [{Tilt: 5}], zero: 0, full: 1}", "there is no attack or disturbance `Tilt`"
        ),
        Rejected(
            "{worst_of: [{FGSM: {eps: 0.1, targeted: true}}], zero: 0, full: 1}",
            "an attack here leads away from the right class: it is not `targeted`",
        ),
        Rejected(
            "{worst_of: [{FGSM: {eps: 0}}], zero: 0, full: 1}",
            "`FGSM` with `eps: 0` changes nothing, and no network gives way",
        ),
    )  # fmt: skip

    worst_of: Annotated[tuple[Component, ...], Choices(threats)]
    zero: Probability
    full: Probability
    weights: Literal["submitted"] = "submitted"
    examples: Count | None = None
    seed: Natural = 0

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.worst_of:
            raise Cause("`worst_of` is empty", "As in `worst_of: [{FGSM: {eps: 0.1}}]`.", field="worst_of")
        for place, threat in enumerate(self.worst_of):
            if not isinstance(threat, Attack):
                continue
            name = type(threat).__name__
            at = f"worst_of.{place}.{name}"
            if threat.targeted:
                raise Cause("an attack here leads away from the right class: it is not `targeted`", field=at)
            if threat.eps is None:
                problem = f"`{name}` without `eps` may go any distance, and every network gives way"
                raise Cause(problem, "Add `eps`.", field=at)
            if threat.eps == 0:
                problem = f"`{name}` with `eps: 0` changes nothing, and no network gives way"
                hint = "Leave it out: an example must be right as it is in any case."
                raise Cause(problem, hint, field=f"{at}.eps")
        if self.full <= self.zero:
            raise Cause(f"`full` is {self.full:g}, and must be above `zero`, {self.zero:g}", field="full")
        return self

    def without_answers(self) -> Self:
        """Hides ``zero`` and ``full``."""
        return self.model_copy(update={"zero": 0.0, "full": 1.0})

    def suits(self, data: Data, folder: Path) -> None:
        """Data must have one class for each example, real inputs of fixed shape, and a declared range."""
        info = data.describe(folder)
        if info.target.classes is None or info.target.steps is not None:
            raise Cause("`robustness` counts examples that stay right, and the data has no class for each")
        if info.input.vocabulary is not None or info.input.free:
            raise Cause("`robustness` changes real numbers, and the data gives tokens or sequences")
        if data.fitted.describe(folder).range is None:
            raise Cause(
                "`robustness` needs the range of the data, which is the unit of `eps`",
                "As in `NPZ: {path: x.npz, range: [0, 1]}`.",
            )
        for place, threat in enumerate(self.worst_of):
            if isinstance(threat, Disturbance):
                try:
                    threat.check(info.input)
                except Cause as cause:
                    raise Cause(cause.problem, cause.hint, field=f"worst_of.{place}") from None

    def prepare(self, brief: Brief, subject: Subject) -> Task | Outcome | None:
        """The inputs, clipped to their range; a submission also gets those that were attacked on the reference."""
        examples, network = brief.examples, subject.network
        assert examples is not None, "the runner loads what `needs_examples` asks for"
        wrong = misfit(network, examples)
        if wrong is not None:
            return wrong
        bounds = self._bounds(brief)
        chosen = self._chosen(examples)
        inputs = np.clip(examples.inputs[chosen], *bounds)
        number, each, classes = len(inputs), held(network, 1), examples.target.classes or 2
        parameters = said_of(examples) | {
            "reference": subject.is_reference,
            "bounds": list(bounds),
            "classes": classes,
            "batch": max(1, min(number, BATCH_VALUES // max(each, 1))),
            "seed": self.seed,
        }
        again = any(layer.type in SATURATING for layer in network.layers)
        work = (1 + again) * sum(passes(threat, classes) for threat in self.worst_of)
        more = 0 if subject.is_reference else MORE * work * min(FEW, number)
        arrays = {"inputs": inputs}
        if not subject.is_reference:
            arrays |= {name: brief.found.arrays[name] for name in self._given}
        return Task(
            parameters,
            arrays,
            operations=network.multiply_adds * (FORWARD_AND_BACK * (work * number + more) + 4 * number),
            values=inputs.size * (2 + len(self.worst_of)) + 4 * parameters["batch"] * each,
        )

    def work(self, task: Task, submission: Submission) -> Findings:
        """The attacked inputs of the reference, or the logits of the submission under every threat."""
        against = against_the_reference if task.parameters["reference"] else against_the_submission
        return against(self.worst_of, task, submission)

    def judge(self, brief: Brief, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """The share that stays right under all, without examples whose gradient is masked.

        More than 1 % masked, or attacks on the reference that do more than those on the network itself: no credit.
        """
        assert brief.examples is not None, "they were there in `prepare`"
        labels = brief.examples.labels[self._chosen(brief.examples)]
        few = spread(len(labels), FEW)
        right = {
            name: (predicted(rows) == (labels[few] if name.startswith("more.") else labels))
            & np.isfinite(rows).all(axis=1)
            for name, rows in found.arrays.items()
            if name != "masked"
        }
        for name in [name for name in right if name.startswith("led.")]:
            right[name.replace("led", "white")] &= right.pop(name)
        clean, masked = right["clean"], found.arrays["masked"].astype(bool)
        held_up = [right[name] for name in right if name.startswith(("white.", "given."))]
        counted = clean & np.all(held_up, axis=0)
        hidden = int((counted & masked).sum())
        value = float((counted & ~masked).mean())
        told = self._told(right, value, len(labels))
        doubts = list(self._doubts(found, right, hidden))
        if doubts:
            told += f". This may mislead: {'; '.join(doubts)}"
        if hidden > MASKED * clean.sum():
            return Failed(
                _HIDDEN,
                f"a gradient of 0, or none, on {hidden:,} of {int(counted.sum()):,} examples that seem to stay right",
                "What hides the gradient does not make a network robust: look for saturated activations and a "
                "Softmax at the end.",
                direction="gradients that are 0 hide the network from the attacks",
                detail=told,
            )
        if (misled := next(self._misled(right), None)) is not None:
            return Failed(
                _HIDDEN,
                told,
                f"{misled}. What leads the attacks astray does not make a network robust: look for saturated "
                "activations and very large weights.",
                direction="attacks on the reference do more than those along the network's own gradients",
            )
        credit = (value - self.zero) / (self.full - self.zero)
        if credit >= 1:
            return Passed(told)
        return Failed(
            f"at least {self.full:g} of the examples right under all of {self._listed}",
            told,
            fraction=max(credit, 0.0),
            direction="too few examples stay right",
        )

    @property
    def _given(self) -> list[str]:
        return [f"given.{place}" for place in range(len(self.worst_of))]

    @property
    def _listed(self) -> str:
        return ", ".join(named(threat) for threat in self.worst_of)

    def _chosen(self, examples: Examples) -> Array:
        """The places of the examples that are tried, spread evenly."""
        number = len(examples.inputs)
        return spread(number, self.examples or number)

    def _bounds(self, brief: Brief) -> tuple[float, float]:
        """What examples lie in."""
        assert brief.data is not None, "there are examples"
        found = brief.data.fitted.describe(brief.folder).range
        assert found is not None, "`suits` refuses data without one"
        return found

    def _told(self, right: dict[str, Array], value: float, number: int) -> str:
        """The receipt: clean, each by itself, and all together with its interval."""
        clean, parts = right["clean"], []
        for place, threat in enumerate(self.worst_of):
            if isinstance(threat, Attack):
                own, other = (float((clean & right[f"{how}.{place}"]).mean()) for how in ("white", "given"))
                parts.append(f"{named(threat)} {own:.3g} (the reference's {other:.3g})")
            else:
                parts.append(f"{named(threat)} {float((clean & right[f'given.{place}']).mean()):.3g}")
        low, high = wilson(round(value * number), number)
        return (
            f"{round(value * number):,} of {number:,} = {value:.4g} (95 % interval {low:.3f} to {high:.3f}) "
            f"under all; clean {float(clean.mean()):.3g}, {', '.join(parts)}"
        )

    def _doubts(self, found: Findings, right: dict[str, Array], hidden: int) -> Iterator[str]:
        """Why the figure may say less than it seems to."""
        clean = right["clean"]
        if hidden:
            yield f"the gradient is 0, or none, on {hidden:,} examples, which do not count"
        if found.data["repeats"] is not True:
            yield "the network says something else each time it is asked"
        if found.data["holds"] is not True:
            yield "an attack with eps 0 changes what it says"
        yield from self._misled(right)
        for place, threat in enumerate(self.worst_of):
            if not isinstance(threat, Attack):
                continue
            white = right[f"white.{place}"]
            more = right.get(f"more.{place}")
            if more is not None:
                few = spread(len(clean), FEW)
                lost = int((clean & white)[few].sum() - (clean[few] & more).sum())
                if lost > max(0.05 * len(few), 2):
                    yield f"{named(threat)} with {MORE} times the steps does more: {lost} of {len(few)} examples"

    def _misled(self, right: dict[str, Array]) -> Iterator[str]:
        """The attacks that do more on the reference than along the network's own gradients."""
        clean = right["clean"]
        for place, threat in enumerate(self.worst_of):
            if not isinstance(threat, Attack):
                continue
            white, given = right[f"white.{place}"], right[f"given.{place}"]
            if (clean & given).sum() < (clean & white).sum() - STRAY * len(clean):
                yield (
                    f"{named(threat)} on the reference does more than on the network itself, whose gradients lead "
                    "nowhere"
                )


def named(threat: Component) -> str:
    """A threat in a few words: ``PGD 0.1``, ``Rotation 15``, ``Blur severity 3``."""
    name = type(threat).__name__
    main = getattr(threat, threat.main or "", None)
    if main is None and isinstance(threat, Disturbance):
        return f"{name} severity {threat.severity}"
    return name if main is None else f"{name} {main:g}"


def passes(threat: Component, classes: int) -> int:
    """How often a network is run forward and back for one example, at most."""
    if not isinstance(threat, Attack):
        return 0
    times = classes if type(threat).__name__ == "DeepFool" else 1  # one gradient for each class
    for name in _REPEATED:
        times *= int(getattr(threat, name, None) or 1)
    return -(-times * int(getattr(threat, "queries", FORWARD_AND_BACK)) // FORWARD_AND_BACK)
