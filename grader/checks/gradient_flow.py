"""gradient_flow: how much of a gradient is left after it came back through time, or through layers.

Hochreiter (1991); Bengio, Simard and Frasconi, "Learning long-term dependencies with gradient descent is
difficult" (1994).
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Self, final

import numpy as np
from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.errors import Cause, DataError, RunError, SpecErrors
from builder.fields import Count, Natural, Positive, Text
from builder.shapes import TensorType
from grader.check import Brief, Check, Subject
from grader.comparing.injection import INPUT_STREAM, stream
from grader.comparing.matching import Matching, match, weighted
from grader.exchange import Findings, Role, Task
from grader.outcome import Failed, Outcome, Passed, Refusal
from grader.outline import Outline, OutlineLayer, cell_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from builder.runtime.network.module import Network
    from grader.submission.submission import Submission

EXAMPLES: Final = 8
FORWARD_AND_BACK: Final = 6  # equation by equation
LONGEST: Final = 10_000


@final
class gradient_flow(Check):
    """Gradients reach the start of a sequence, or the first layer, without vanishing or exploding.

    `of: memory.c` follows the state (or gate) `c` of the recurrent layer `memory` over a sequence of `length`
    steps: the ratio is ‖∂L/∂c_1‖ : ‖∂L/∂c_T‖, where L = Σ v·output at the last step, for seeded inputs and v.
    Without `of` it is that of the first layer with parameters to the last, of ∂L/∂output. The ratio must lie
    between `min` and `max`; or be at least `times` that of the network in the file `against`, on the same
    inputs. `at: start` takes the first weights that `seed` gives, `at: trained` those handed in.
    """

    accepts = (
        Accepted("{of: memory.c, length: 100, min: 1e-3, max: 10}"),
        Accepted("{of: memory.c, length: 100, at: trained, against: rnn.yaml, times: 1e6}"),
        Accepted("{min: 0.01}"),
    )
    rejects = (
        Rejected("", "`gradient_flow` needs `min`, `max` or `against`"),
        Rejected("{of: memory, length: 9, min: 1}", "`memory` is no state of a layer"),
        Rejected("{of: memory.c, min: 1}", "a state is followed over a sequence: `length` is missing"),
        Rejected("{of: memory.c, length: 1, min: 1}", "expected a `length` from 2 to 10,000, found 1"),
        Rejected("{length: 9, min: 1}", "`length` is for a state: `of` is missing"),
        Rejected("{min: 2, max: 1}", "`min` is 2 and `max` is 1: no ratio is that"),
        Rejected("{min: 1, times: 5}", "`times` compares with another network: `against` is missing"),
        Rejected("{against: rnn.yaml}", "how many times the ratio of `rnn.yaml`? `times` is missing"),
        Rejected("{min: 0}", "expected a real number above 0, found 0"),
        Rejected("{min: 1, at: end}", 'expected `start` or `trained`, found the text "end"'),
    )

    of: Text | None = None
    length: Count | None = None
    at: Literal["start", "trained"] = "start"
    against: Text | None = None
    times: Positive | None = None
    min: Positive | None = None
    max: Positive | None = None
    seed: Natural = 0

    @model_validator(mode="after")
    def _what_belongs_together(self) -> Self:
        if self.of is not None and not all(self.of.rpartition(".")[::2]):
            raise Cause(f"`{self.of}` is no state of a layer", "As in `of: memory.c`.", field="of")
        if self.of is not None and self.length is None:
            raise Cause("a state is followed over a sequence: `length` is missing", field="of")
        if self.of is None and self.length is not None:
            raise Cause("`length` is for a state: `of` is missing", "As in `of: memory.c`.", field="length")
        if self.length is not None and not 2 <= self.length <= LONGEST:
            raise Cause(f"expected a `length` from 2 to {LONGEST:,}, found {self.length:,}", field="length")
        if self.times is not None and self.against is None:
            raise Cause("`times` compares with another network: `against` is missing", field="times")
        if self.against is not None and self.times is None:
            raise Cause(
                f"how many times the ratio of `{self.against}`? `times` is missing",
                "As in `{against: rnn.yaml, times: 1e6}`.",
                field="against",
            )
        if self.min is None and self.max is None and self.against is None:
            raise Cause("`gradient_flow` needs `min`, `max` or `against`", "As in `{min: 1e-3}`.")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise Cause(f"`min` is {self.min:g} and `max` is {self.max:g}: no ratio is that", field="max")
        return self

    @property
    def reads(self) -> tuple[Role, ...]:
        """The weights too, where the trained network is followed."""
        return ("model",) if self.at == "start" else ("model", "weights")

    @property
    def needs_reference(self) -> bool:
        """The worker of the reference computes the ratio of the network in ``against``."""
        return self.against is not None

    def without_answers(self) -> Self:
        """Hides the bounds and the network to compare with."""
        return type(self)(of=self.of, length=self.length, at=self.at, min=1.0, seed=self.seed)

    def prepare(self, brief: Brief, subject: Subject) -> Task | Outcome | None:
        """The layer and the state of ``of`` in the submission; ``Failed`` where it has none of that name.

        Raises ``DataError`` if the file in ``against`` cannot be read.
        """
        network = subject.network
        parameters: dict[str, Any] = {}
        if self.of is not None:
            place = self._place(self.of, brief, network)
            if not isinstance(place, tuple):
                return place
            parameters["of"] = list(place)
        elif len(weighted(network)) < 2:
            return Failed("two layers with parameters at least", str(len(weighted(network))))
        if subject.is_reference and self.against is not None:
            parameters["against"] = _text_of(brief, self.against)
        steps = self.length or 1
        return Task(
            parameters,
            operations=FORWARD_AND_BACK * EXAMPLES * steps * network.multiply_adds,
            values=2 * EXAMPLES * steps * sum(layer.output.size for layer in network.layers),
        )

    def work(self, task: Task, submission: Submission) -> Findings:
        """``ratio`` of the network and, for the reference, ``against``: that of the network to compare with."""
        from builder.runtime.network.module import build

        if self.at == "trained" and submission.has("weights"):
            from grader.gradients.backpropagation import loaded

            network = loaded(submission, submission.weights)
        else:
            network = build(submission.spec, self.seed).double().eval()
        of = task.parameters.get("of")
        found = {"ratio": self._ratio(network, Outline.of(submission.graph), of)}
        if "against" in task.parameters:
            found["against"] = self._baseline(task.parameters["against"], submission)
        return Findings(found)

    def judge(self, brief: Brief, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """All or nothing: a ratio of 0, or one that is not finite, fails whatever the bounds are."""
        ratio = float(found.data["ratio"])
        least, most = self.min or 0.0, self.max or math.inf
        wanted = self._bounds(reference)
        if self.against is not None and self.times is not None:
            least = max(least, self.times * float(reference.data["against"]))
        what = f"the gradient of `{self.of}`" if self.of else "the gradient of the first layer"
        if 0 < ratio < math.inf and least <= ratio <= most:
            return Passed(f"the ratio is {ratio:.2g}")
        small = ratio < least or ratio == 0
        return Failed(
            f"a ratio of {wanted}",
            "no gradient at all"
            if ratio == 0
            else f"{ratio:.2g}"
            if math.isfinite(ratio)
            else "no finite ratio",
            f"On its way back {what} {'vanishes' if small else 'explodes'}.",
            direction=f"{what} {'vanishes' if small else 'explodes'}",
        )

    def _bounds(self, reference: Findings) -> str:
        """What the ratio must be, in words."""
        told = []
        if self.min is not None:
            told.append(f"at least {self.min:g}")
        if self.max is not None:
            told.append(f"at most {self.max:g}")
        if self.against is not None:
            told.append(
                f"at least {self.times:g} times that of `{self.against}`, {reference.data['against']:.2g}"
            )
        return ", ".join(told)

    def _place(self, of: str, brief: Brief, network: Outline) -> tuple[str, str] | Failed:
        """The submission's layer and state that ``of`` names."""
        name, _, state = of.rpartition(".")
        layer = network.layer(name)
        if (layer is None or state not in _known(layer)) and brief.reference is not None:
            matching = match(brief.reference, network, brief.comparer)
            ours = brief.reference.layer(name)
            if isinstance(matching, Matching) and ours is not None and ours.name in matching.layers:
                layer = network.layer(matching.layers[ours.name])
                state = matching.states.get(ours.name, {}).get(state, state)
        recurrent = [layer for layer in network.layers if layer.states and layer.shared_with is None]
        if (layer is None or not layer.states) and len(recurrent) == 1:
            (layer,) = recurrent
        if layer is None or not layer.states:
            listed = ", ".join(f"`{layer.name}`" for layer in recurrent) or "none"
            return Failed(f"a recurrent layer `{name}`", listed, f"Give the layer the name `{name}`.")
        return layer.name, state

    def _ratio(self, network: Network, outline: Outline, of: list[str] | None) -> float:
        """How much larger a gradient is at the start than at the end; 0 where none comes."""
        value = self._loss(network, outline)
        if of is None:
            ends = [layer.name for layer in weighted(outline)]
            first, last = _of_outputs(network, value, (ends[0], ends[-1]))
        else:
            from builder.runtime.insight.through_time import gradient_norms

            try:
                norms = gradient_norms(network, of[0], of[1], value)
            except RunError as error:
                raise Refusal(f"a state `{self.of}` to follow", error.problem, error.hint) from None
            first, last = float(norms[0]), float(norms[-1])
        ratio = first / last if last > 0 else 0.0
        return ratio if math.isfinite(ratio) else 0.0

    def _loss(self, network: Network, outline: Outline) -> Callable[[], Tensor]:
        """L = Σ v·output of the first output, at its last step where it has steps."""
        import torch

        from builder.runtime.insight.through_time import asked_of_the_end

        inputs = {
            name: torch.from_numpy(self._drawn(kind, place))
            for place, (name, kind) in enumerate(outline.inputs.items())
        }
        maker = next(iter(outline.outputs.values()))
        layer = outline.layer(maker)
        kind = layer.output if layer is not None else None

        def value() -> Tensor:
            given = network(**inputs)
            output = next(iter(given.values())) if isinstance(given, dict) else given
            steps = kind is not None and self.of is not None and len(kind.shape) > 1
            return asked_of_the_end(output, steps, self.seed)

        return value

    def _drawn(self, kind: TensorType, place: int) -> np.ndarray[Any, Any]:
        random = stream(self.seed, INPUT_STREAM + place)
        shape = (EXAMPLES, *kind.sized(self.length or 1))
        if self.of is not None and shape[1] != self.length:
            raise Refusal(
                f"sequences of {self.length} steps", f"{shape[1]}", "A free axis takes any: `input: [T, …]`."
            )
        return (
            random.integers(0, kind.vocabulary, shape) if kind.vocabulary else random.standard_normal(shape)
        )

    def _baseline(self, text: str, submission: Submission) -> float:
        """The ratio of the network that it is compared with: the lecturer's, in the reference's worker."""
        from builder import loads
        from builder.runtime.network.module import build

        try:
            spec = loads(text, str(self.against or "the baseline"), submission.folder)
        except SpecErrors as errors:
            raise DataError(f"the network to compare with has errors: {errors}") from None
        outline = Outline.of(spec.graph)
        of: list[str] | None = None
        if self.of is not None:
            name, _, state = self.of.rpartition(".")
            layer = _recurrent(outline, name)
            of = [layer.name, state if state in layer.states else layer.states[0]]
        return self._ratio(build(spec, self.seed).double().eval(), outline, of)


def _known(layer: OutlineLayer) -> set[str]:
    """The names of a recurrent layer's states and gates."""
    cell = cell_of(layer)
    return {equation.name for equation in cell.equations} if cell else set(layer.states)


def _recurrent(outline: Outline, name: str) -> OutlineLayer:
    """The layer of that name, or the only recurrent one."""
    recurrent = [layer for layer in outline.layers if layer.states]
    named = [layer for layer in recurrent if layer.name == name]
    if len(named or recurrent) != 1:
        raise DataError(f"the network to compare with has no recurrent layer `{name}`")
    return (named or recurrent)[0]


def _of_outputs(network: Network, value: Callable[[], Tensor], names: tuple[str, str]) -> tuple[float, float]:
    """The root mean square of ∂L/∂output of two layers."""
    import torch

    from grader.comparing.layer_outputs import watched

    seen: dict[str, Tensor] = {}
    for name in names:
        watched(network.get_submodule(name), partial(seen.setdefault, name))
    loss = value()
    slopes = torch.autograd.grad(loss, [seen[name] for name in names], allow_unused=True)
    first, last = (0.0 if slope is None else float(slope.square().mean().sqrt()) for slope in slopes)
    return first, last


def _text_of(brief: Brief, file: str) -> str:
    """The text of a network in the assignment's folder. Raises ``DataError``."""
    path = (brief.folder / file).resolve()
    if not path.is_relative_to(brief.folder.resolve()):
        raise DataError(f"`{file}` leaves the assignment's folder")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the network `{file}` cannot be read ({error})") from None
