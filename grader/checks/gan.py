"""gan: a generator whose samples are good, varied, and no copies of what it was trained on."""

from __future__ import annotations

import math
from typing import ClassVar, Final, Literal, Self, final

import numpy as np
from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.errors import Cause, DataError
from builder.fields import Count, Natural, Probability
from builder.games.measures.measure import Sampled
from builder.games.measures.modes import modes as modes_of_a_mixture
from builder.games.measures.nearest_neighbours import nearest_neighbours
from builder.shapes import TensorType
from grader.check import Brief, Check, Subject
from grader.exchange import Array, Examples, Findings, Role, Task
from grader.outcome import Failed, Outcome, Passed
from grader.outline import Outline
from grader.running.critic import (
    SURE,
    Opinion,
    covered,
    first_shown,
    near,
    reached,
    surely,
    toned,
    trained_critic,
)
from grader.running.generated_samples import submitted_samples, trained_samples
from grader.submission.submission import Submission

GAME: Final = 9  # passes of both players for one example: there and back, on real and on made ones
MOST_COMPARED: Final = 2000
MOST_TRAINED: Final = 10_000
NEAREST: Final = 0.8  # of the distance that held-out images have; trained generators lie at 1.0 to 1.4
NEAREST_POINTS: Final = 0.5  # the same of points, which an honest generator may put nearer to the middle


@final
class gan(Check):
    """Your GAN, trained here, makes samples that are good, varied and new.

    Your two players are trained here for `epochs`, on the assignment's data, from their first weights (or taken
    with the weights you handed in: `weights: submitted`). Of the samples, a share of `good` must lie where
    examples lie and show one class surely, to a critic that is trained here too; they must reach `modes` classes
    (of a mixture of Gaussians: modes), and lie beside a share of `coverage` of the examples held out. The worst
    of these three is the credit. Samples that repeat training examples, moved by a pixel or darker too, are none:
    more than a share of `copies`, and there is no credit. An image that repeats another sample is not good.
    """

    needs_reference: ClassVar[bool] = True
    needs_examples: ClassVar[bool] = True
    needs_training: ClassVar[bool] = True
    takes_networks: ClassVar[bool] = True

    accepts: ClassVar[tuple[Accepted, ...]] = (
        Accepted("{epochs: 20, modes: 8, good: 0.8, coverage: 0.7}"),
        Accepted("{weights: submitted, good: 0.7}"),
        Accepted("{epochs: 5, modes: 10, samples: 500, copies: 0.05, seconds: 600, seed: 1}"),
    )
    rejects: ClassVar[tuple[Rejected, ...]] = (
        Rejected("{epochs: 5}", "`gan` needs `good`, `modes` or `coverage`"),
        Rejected("{good: 0.5}", "how long is it trained here? `epochs` is missing"),
        Rejected("{weights: submitted, epochs: 5, good: 0.5}", "weights that are submitted are not trained here"),
        Rejected("{epochs: 5, good: 2}", "expected a real number from 0 to 1, found 2"),
        Rejected("{epochs: 5, good: 0}", "`good: 0` asks for nothing"),
    )  # fmt: skip

    weights: Literal["trained_here", "submitted"] = "trained_here"
    epochs: Count | None = None
    modes: Count | None = None
    good: Probability | None = None
    coverage: Probability | None = None
    copies: Probability = 0.1
    samples: Count = 1000
    seconds: Count = 60
    seed: Natural = 0

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.modes is None and self.good is None and self.coverage is None:
            raise Cause("`gan` needs `good`, `modes` or `coverage`", "As in `{epochs: 20, good: 0.8}`.")
        for name in ("good", "coverage"):
            if getattr(self, name) == 0:
                raise Cause(f"`{name}: 0` asks for nothing", "Leave it out.", field=name)
        if self.weights == "trained_here" and self.epochs is None:
            raise Cause("how long is it trained here? `epochs` is missing", "As in `epochs: 20`.")
        if self.weights == "submitted" and self.epochs is not None:
            raise Cause(
                "weights that are submitted are not trained here", "Leave `epochs` out.", field="epochs"
            )
        return self

    @property
    def reads(self) -> tuple[Role, ...]:
        """The weights too, where they are not trained here."""
        return ("model",) if self.weights == "trained_here" else ("model", "weights")

    def without_answers(self) -> Self:
        """Hides the bounds: `modes` and `coverage` are dropped, `good` and `copies` are set to their limits."""
        return self.model_copy(update={"modes": None, "good": 1.0, "coverage": None, "copies": 0.0})

    def prepare(self, brief: Brief, subject: Subject) -> Task | Outcome | None:
        """The reference's worker trains the critic; a submission's plays the game and draws samples.

        Raises ``DataError`` for sequences, and for `modes` of data without classes.
        """
        held_out, trained = brief.examples, brief.training
        assert held_out is not None and trained is not None and brief.data is not None, "it needs them"
        classes = trained.target.classes
        if trained.vocabulary is not None or trained.lengths is not None or trained.per_step:
            raise DataError("`gan` judges images and points, and the data gives sequences")
        if self.modes is not None and classes is None:
            raise DataError("`modes` are classes, and the data has none")
        wrong = _misfit(subject.network, trained)
        if wrong is not None:
            return wrong
        arrays = {"inputs": trained.inputs, "labels": trained.labels}
        if subject.is_reference:  # the critic is trained where no student's file is
            return Task({"critic": classes}, arrays) if classes is not None else None
        network, number = subject.network, len(trained.inputs)
        outputs = 2 * brief.data.batch_size * sum(layer.output.size for layer in network.layers)
        source = brief.data.fitted.describe(brief.folder)
        return Task(
            {
                "preprocessing": trained.preprocessing,
                "per_step": False,
                "classes": classes,
                "batch_size": brief.data.batch_size,
                "shuffle": brief.data.shuffle,
                "data": brief.data.plain(),
                "bounds": None if source.range is None else list(source.range),
                "epochs": self.epochs or 0,
                "samples": self.samples,
                "seed": self.seed,
            },
            arrays,
            operations=network.multiply_adds * (GAME * (self.epochs or 0) * number + self.samples),
            values=trained.inputs.size * 2 + 3 * outputs,
            seconds=self.seconds,
        )

    def work(self, task: Task, submission: Submission) -> Findings:
        """The weights of the critic, or ``samples`` N×… in the units of the source."""
        if "critic" in task.parameters:
            classes = int(task.parameters["critic"])
            return Findings(arrays=trained_critic(task.arrays["inputs"], task.arrays["labels"], classes))
        made = submitted_samples if self.weights == "submitted" else trained_samples
        return Findings(arrays={"samples": made(task, submission)})

    def judge(self, brief: Brief, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """Copies fail without credit; the credit is the lowest ratio of `good`, `coverage` and `modes` to its bound."""
        held_out, trained = brief.examples, brief.training
        assert held_out is not None and trained is not None, "they were there in `prepare`"
        samples = found.arrays["samples"]
        assert samples.shape[1:] == trained.inputs.shape[1:], "`prepare` holds the shapes against each other"
        finite = np.isfinite(samples.reshape(len(samples), -1)).all(axis=1)
        if not finite.all():
            return Failed(
                "samples that are finite numbers",
                f"not-a-number or infinity in {int((~finite).sum()):,} of {len(samples):,}",
                "The game may have diverged: look at its losses.",
            )
        opinion = self._opinion(brief, samples, reference.arrays)
        told = _told(opinion, len(samples))
        nearest = NEAREST if _are_images(trained.inputs) else NEAREST_POINTS
        if opinion.copied > self.copies or opinion.nearness < nearest:
            return Failed(
                "samples that are new",
                told,
                "They repeat the training examples, or lie much nearer to them than other examples do.",
                direction="samples that repeat the training examples",
            )
        bounds = (("good", opinion.good, self.good), ("coverage", opinion.coverage, self.coverage),
                  ("modes", opinion.reached, self.modes))  # fmt: skip
        shares = {
            name: min(float(value or 0) / wanted, 1.0) for name, value, wanted in bounds if wanted is not None
        }
        worst = min(shares, key=shares.__getitem__)
        if shares[worst] >= 1:
            return Passed(told)
        return Failed(
            ", ".join(f"{name} of at least {wanted:g}" for name, _, wanted in bounds if wanted is not None),
            told,
            fraction=shares[worst],
            direction=f"too little in `{worst}`",
        )

    def _opinion(self, brief: Brief, samples: Array, critic: dict[str, Array]) -> Opinion:
        held_out, trained = brief.examples, brief.training
        assert held_out is not None and trained is not None and brief.data is not None
        some, known = held_out.inputs[:MOST_COMPARED], trained.inputs
        copied, nearness = self._copied(brief, samples, some, known)
        coverage = covered(samples, some)
        mixture = self._mixture(brief, samples)
        if mixture is not None:
            return Opinion(mixture[0], mixture[1], coverage, copied, nearness)
        good = near(samples, some, known[:MOST_TRAINED])
        if _are_images(known):
            good &= first_shown(samples, some)
        if not critic:
            return Opinion(float(good.mean()), None, coverage, copied, nearness)
        classes, sure = surely(critic, samples)
        good &= sure >= SURE
        number = int(trained.target.classes or 0)
        return Opinion(float(good.mean()), reached(classes, good, number), coverage, copied, nearness)

    def _mixture(self, brief: Brief, samples: Array) -> tuple[float, int] | None:
        """Good samples and modes reached, where the source says where its modes are."""
        assert brief.data is not None
        if getattr(brief.data.source, "centres", None) is None:
            return None
        found = modes_of_a_mixture(least=max(1, len(samples) // 200)).of(
            _sampled(brief, samples, samples, samples)
        )
        return found["good_samples"], int(found["modes"])

    def _copied(self, brief: Brief, samples: Array, held_out: Array, trained: Array) -> tuple[float, float]:
        """The share of copies, of images alone, darker ones too, and how near samples lie."""
        images = _are_images(trained)
        measure = nearest_neighbours(shift=1 if images else 0)
        copied, ratio = 0.0, math.inf
        for seen in (np.asarray, toned) if images else (np.asarray,):
            found = measure.of(_sampled(brief, seen(samples), seen(held_out), seen(trained)))
            copied = max(copied, found["copied"])
            ratio = min(ratio, found["nearest_ratio"] if math.isfinite(found["nearest_ratio"]) else 1.0)
        return (copied if images else 0.0), ratio


def _are_images(x: Array) -> bool:
    """Images, and no points of a plane, which lie close to each other anyway."""
    return x.ndim == 4 and min(x.shape[2:]) > 2


def _misfit(network: Outline, examples: Examples) -> Failed | None:
    """In what the players do not fit the data, or None."""
    if not network.players:
        return Failed(
            "a spec with `adversarial`",
            "one network" if not network.networks else "networks that do not play against each other",
        )
    generator, discriminator = network.players
    wanted = TensorType(examples.inputs.shape[1:])
    gives = network.layer(network.outputs.get(generator, ""))
    if gives is None or gives.output != wanted:
        return Failed(
            f"a generator that gives {wanted}, as the data", "none" if gives is None else f"{gives.output}"
        )
    takes = network.inputs.get(f"{discriminator}.input")
    if takes != wanted:
        return Failed(f"a discriminator that takes {wanted}, as the data", f"{takes}")
    label = network.inputs.get(f"{generator}.label")
    if label is not None and label.vocabulary != examples.target.classes:
        return Failed(
            f"players that are told one of {examples.target.classes} classes", f"one of {label.vocabulary}"
        )
    return None


def _told(opinion: Opinion, number: int) -> str:
    modes = "" if opinion.reached is None else f"; {opinion.reached} modes reached"
    return (
        f"of {number:,} samples {opinion.good:.3g} are good{modes}; they cover {opinion.coverage:.3g} of the "
        f"examples; {opinion.copied:.3g} are copies, and they lie {opinion.nearness:.3g} times as far from the "
        "training examples as other examples do"
    )


def _sampled(brief: Brief, samples: Array, held_out: Array, trained: Array) -> Sampled:
    import torch

    assert brief.data is not None
    logits = torch.zeros(0)
    made, real, known = (
        torch.from_numpy(np.ascontiguousarray(array)) for array in (samples, held_out, trained)
    )
    return Sampled(made, real, known, logits, logits, brief.data, brief.folder)
