"""gradients: backpropagation through the network, or the student's own, held against the reference's.

Relative error ‖a − b‖/max(‖a‖, ‖b‖) in float64, as in Stanford's CS231n notes on gradient checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self, final

import numpy as np
from pydantic import model_validator

from builder.component import Accepted, Choice, Rejected
from builder.errors import Cause
from builder.fields import Natural, Positive
from builder.training.losses.loss import Loss, losses
from grader.check import Brief, Check, Subject
from grader.comparing.injection import Inputs, injected_task, input_names, read_inputs
from grader.exchange import Array, Findings, Role, Task
from grader.gradients.given_files import Given
from grader.outcome import Blocked, Failed, Outcome, Passed, Refusal
from grader.outline import Outline

if TYPE_CHECKING:
    from grader.submission.submission import Submission

FORWARD_AND_BACK: Final = 3
SHOWN: Final = 3
HOW_TO: Final = (
    'In NumPy: `from safetensors.numpy import save_file; save_file({"linear_1.weight": array, …}, "FILE")`; '
    "the names are the parameters'."
)
WHERE: Final = (
    "A gradient depends on the layers before it, through the values, and on those after it, through the "
    "chain rule: find the first layer whose values differ, and start there."
)


@final
class gradients(Check):
    """The gradients of every parameter and of the input are as they should be.

    `of: model` compares your network's: with the same weights and inputs as the reference's, the gradients of
    Σ v·output for a seeded v, each to a relative error of `tolerance` (1e-6). `numerical` also holds that many
    entries of every parameter against centred differences, which tests our own work, not yours.
    `of: submitted` compares those that you worked out yourself and handed in as safetensors, under the
    parameters' names (`input` too, if you like), for the `given` input, weights and target: of the
    assignment's loss, to 1e-4. Each right array has its share of the points.
    """

    needs_reference: ClassVar[bool] = True

    accepts = (
        Accepted(""),
        Accepted("{tolerance: 1e-4, numerical: 3}"),
        Accepted("{of: submitted, given: {input: x.npz, weights: w.safetensors, target: y.npz}}"),
        Accepted(
            "{of: submitted, given: {input: x.npz, weights: w.safetensors, target: y.npz}, loss: MSELoss, "
            "tolerance: 1e-3}"
        ),
    )
    rejects = (
        Rejected("{of: submitted}", "gradients that are submitted need `given`"),
        Rejected(
            "{given: {input: x.npz, weights: w.safetensors, target: y.npz}}",
            "`given` is for gradients that are submitted",
        ),
        Rejected("{of: student}", 'expected `model` or `submitted`, found the text "student"'),
        Rejected("{loss: MSELoss}", "`loss` is for gradients that are submitted"),
        Rejected("{numerical: some}", 'expected a whole number of at least 0, found the text "some"'),
    )

    of: Literal["model", "submitted"] = "model"
    tolerance: Positive | None = None
    numerical: Natural = 0
    inputs: Inputs = Inputs()
    seed: Natural = 0
    given: Given | None = None
    loss: Annotated[Loss | None, Choice(losses)] = None

    @model_validator(mode="after")
    def _what_belongs_together(self) -> Self:
        if self.of == "submitted" and self.given is None:
            raise Cause(
                "gradients that are submitted need `given`",
                "As in `given: {input: x.npz, weights: w.safetensors, target: y.npz}`.",
                field="of",
            )
        for name in ("given", "loss"):
            if self.of == "model" and getattr(self, name) is not None:
                raise Cause(
                    f"`{name}` is for gradients that are submitted", "Add `of: submitted`.", field=name
                )
        return self

    @property
    def bound(self) -> float:
        """The tolerance: a student's own arrays may be in float32."""
        return self.tolerance or (1e-6 if self.of == "model" else 1e-4)

    @property
    def reads(self) -> tuple[Role, ...]:
        """The model, or only the file of gradients that the student computed."""
        return ("model",) if self.of == "model" else ("gradients",)

    def how_to(self, role: Role) -> str | None:
        """How NumPy and safetensors write the file."""
        return HOW_TO if role == "gradients" else None

    def prepare(self, brief: Brief, subject: Subject) -> Task | Outcome | None:
        """`of: model`: injected weights and inputs, as for `forward`, at three times the cost.

        `of: submitted`: the reference gets the given files, a submission the names and shapes that are expected.
        Raises ``RunError`` if a given file does not fit the reference.
        """
        if self.given is None:
            entries = 2 * self.numerical * len(_parameters(brief.required))
            task = injected_task(brief, subject, self.inputs, self.seed, FORWARD_AND_BACK + entries)
            if isinstance(task, Blocked):
                return task
            # A value and its gradient.
            return Task(task.parameters, task.arrays, task.operations, 2 * task.values)
        if subject.is_reference:
            from grader.gradients.backpropagation import given_task

            return given_task(brief, subject, self.given, self.loss)
        given = read_inputs(brief.folder, self.given.input, brief.required.inputs)
        names = input_names(len(given))
        inputs = {name: x.shape for name, x in zip(names, given.values(), strict=True) if x.dtype.kind == "f"}
        wanted = _parameters(brief.required) | inputs
        return Task({"expected": {name: list(shape) for name, shape in wanted.items()}})

    def work(self, task: Task, submission: Submission) -> Findings:
        """One array for each parameter and real input, by name.

        Raises ``Refusal`` for a submitted file without any.
        """
        if "expected" in task.parameters:
            return _submitted(task.parameters["expected"], submission)
        from grader.gradients.backpropagation import by_autograd, of_the_loss

        if self.given is not None:
            return of_the_loss(task, submission)
        return by_autograd(task, submission, self.numerical)

    def judge(self, brief: Brief, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """Each array within the tolerance has its share; the relative error is ‖a − b‖/max(‖a‖, ‖b‖)."""
        order = {name: place for place, name in enumerate(_parameters(brief.required))}
        names = [name for name in reference.arrays if ":" not in name]
        names.sort(key=lambda name: (order.get(name, len(order)), name))  # arrays come in any order
        if self.given is not None:
            # The input's gradient is wanted of nobody, and judged where it was handed in.
            handed_in = {*found.arrays, *found.data["shapes"]}
            names = [n for n in names if n in _parameters(brief.required) or n in handed_in]
        errors = {name: _error(found.arrays.get(name), reference.arrays[name]) for name in names}
        wrong = {name: error for name, error in errors.items() if not error <= self.bound}
        if not wrong:
            worst = max(errors, key=errors.__getitem__)
            return Passed(f"{len(names)} gradients agree; the worst, `{worst}`, to {errors[worst]:.1e}")
        worst = max(wrong, key=wrong.__getitem__)
        fraction = (len(names) - len(wrong)) / len(names)
        if self.given is None:
            return Failed(
                f"every gradient to a relative error of {self.bound:g}",
                f"`{worst}`: {_percent(wrong[worst])}; {len(wrong)} of {len(names)} are wrong",
                WHERE,
                fraction,
                direction=f"the gradient of `{worst}` is wrong",
                detail="; ".join(f"{name}: {error:.1e}" for name, error in errors.items()),
            )
        from grader.gradients.gradient_slips import Slips

        slips = Slips(found, reference, wrong, self.bound)
        return Failed(
            "; ".join(slips.expected(name) for name in list(wrong)[:SHOWN]),
            "; ".join(slips.found(name) for name in list(wrong)[:SHOWN]),
            slips.hint(),
            fraction,
            direction=f"the gradient of `{worst}` is wrong",
            detail=f"{len(names) - len(wrong)} of {len(names)} gradients are right",
        )


def _parameters(outline: Outline) -> dict[str, tuple[int, ...]]:
    """Every parameter's full name and shape."""
    return {f"{u.name}.{name}": shape for u in outline.layers for name, shape in u.parameters.items()}


def _error(found: Array | None, wanted: Array) -> float:
    """‖a − b‖/max(‖a‖, ‖b‖); 0 where both are zero, 2 (the most) where there is nothing to compare."""
    if found is None or found.shape != wanted.shape or not np.isfinite(found).all():
        return 2.0
    # Scaled by the largest entry, so that no square overflows.
    largest = float(max(np.abs(found).max(initial=0.0), np.abs(wanted).max(initial=0.0)))
    if largest == 0:
        return 0.0
    a, b = found / largest, wanted / largest
    return _norm(a - b) / max(_norm(a), _norm(b))


def _norm(a: Array) -> float:
    """‖a‖. Not BLAS's: its sums differ with the number of threads, and so would a grade at the limit."""
    return float(np.sqrt(np.square(a).sum()))


def _percent(error: float) -> str:
    return "nothing comparable" if error == 2 else f"a relative error of {error:.2g}"


def _submitted(expected: Mapping[str, Any], submission: Submission) -> Findings:
    """The arrays that were handed in, of those that are wanted: no more than the reference's own.

    Of an array in another shape only its shape is kept (a matrix may be transposed); of all others, some names.
    """
    arrays = submission.arrays("gradients")
    given: dict[str, Array] = {}
    shapes: dict[str, list[int]] = {}
    for name, array in arrays.items():
        if name not in expected:
            continue
        if array.dtype.kind not in "iuf":
            raise Refusal(f"real numbers in `{name}`", f"values of type {array.dtype}")
        wanted = tuple(expected[name])
        if array.shape == wanted or (array.ndim == 2 and array.shape == wanted[::-1]):
            given[name] = array.astype(np.float64)
        else:
            shapes[name] = list(array.shape)
    if not given and not shapes:
        file = submission.name("gradients")
        found = ", ".join(f"`{name}`" for name in list(arrays)[:SHOWN]) or "no array"
        raise Refusal(
            f"an array for each parameter in `{file}`, such as `{next(iter(expected), 'input')}`",
            found,
            HOW_TO,
        )
    others = [name[:80] for name in arrays if name not in expected][:SHOWN]
    return Findings({"others": others, "shapes": shapes}, given)
