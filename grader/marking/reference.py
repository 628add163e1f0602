"""The instructor's solution: what submissions are held against, and the first to be judged."""

from __future__ import annotations

from dataclasses import replace

from builder.errors import DataError, RunError
from grader.assignment.assignment import Assignment
from grader.check import Brief, Subject
from grader.checks.valid import outline_of
from grader.exchange import Comparer, Examples, Findings, Task
from grader.marking.marking import Marker, OpenSubmission
from grader.outcome import Broken, Failed, Outcome, Passed
from grader.results.result import shown
from grader.submission.limits import Limits


def examine(
    assignment: Assignment, opened: OpenSubmission, limits: Limits, comparer: Comparer | None = None
) -> Marker:
    """A marker that knows the reference, after the reference has passed its own checks.

    ``opened`` has the reference open; ``comparer`` tells which cells mean the same. Raises ``RunError``: a
    reference that fails means that the question is wrong, which must be known before a class is graded.
    """
    brief = Brief(
        assignment.folder,
        examples=load_examples(assignment),
        allow=assignment.allow,
        loss=assignment.train.loss if assignment.train else None,
        comparer=comparer,
        training=load_training(assignment),
        train=assignment.train,
        data=assignment.data,
    )
    marker = Marker(brief, assignment.order, limits)
    if not assignment.reference:
        return marker
    files = frozenset(assignment.reference)
    findings: dict[str, Findings] = {}
    for index, planned in enumerate(assignment.order):
        subject = Subject(brief.reference, files, is_reference=True)
        found = _found(planned.name, index, marker, subject, opened)
        findings[planned.name] = found
        if planned.type == "valid":
            outline = outline_of(found)
            if outline is None:
                raise RunError("the reference has errors.", "\n".join(map(str, found.data["errors"])))
            brief = replace(brief, reference=outline)
            marker = Marker(brief, assignment.order, limits, findings)
    _judge(assignment, marker, opened)
    return marker


def _found(name: str, index: int, marker: Marker, subject: Subject, opened: OpenSubmission) -> Findings:
    check = marker.checks[index].check
    task = check.prepare(marker.brief, subject)
    if task is None:
        return Findings()
    answer: Findings | Outcome = (
        marker.limits.refuse(subject.outline, task) or opened.ask(index, task)
        if isinstance(task, Task)
        else task
    )
    if isinstance(answer, Findings):
        return answer
    expected, found, hint = shown(answer)
    raise RunError(f"the reference cannot be used for `{name}`: expected {expected}, found {found}.", hint)


def _judge(assignment: Assignment, marker: Marker, opened: OpenSubmission) -> None:
    """Judges the reference as if it were a submission, by every check whose files it has."""
    files = set(assignment.reference)
    skip = frozenset(
        planned.name for planned in assignment.order if not files.issuperset(planned.check.reads)
    )
    log: list[str] = []
    outcomes = marker.mark(assignment.folder, assignment.reference, opened, log, skip)
    for name, outcome in outcomes.items():
        if isinstance(outcome, Broken):
            raise RunError(
                f"the reference could not be judged by `{name}`: {outcome.error}", "".join(log) or None
            )
        if not isinstance(outcome, Passed):
            expected, found, hint = shown(outcome)
            part = f" ({outcome.fraction:.0%} of its points)" if isinstance(outcome, Failed) else ""
            raise RunError(
                f"the reference does not pass its own check `{name}`{part}: "
                f"expected {expected}, found {found}.",
                hint or "The question is wrong, or its bounds are.",
            )


def load_examples(assignment: Assignment) -> Examples | None:
    """The assignment's unseen examples, if a check is judged on them.

    They are the test part where the data has one (a `split` with `test`, or the source's own), else all of
    it. Raises ``DataError``.
    """
    data = assignment.data
    if data is None or not any(planned.check.needs_examples for planned in assignment.checks):
        return None
    from builder.runtime.data.preprocessing import Preprocessing
    from builder.runtime.data.splits import load_arrays

    folder = assignment.folder
    source = data.fitted.describe(folder)
    part = "test" if source.test_examples or (data.split is not None and data.split.test) else None
    inputs, labels, lengths = load_arrays(data, folder, part)
    if not len(inputs):
        raise DataError("the assignment's data has no example to judge on")
    fits = any(step.fits for step in data.affine)
    return Examples(
        inputs,
        labels,
        source.target,
        affine=tuple(type(step).__name__ for step in data.affine),
        preprocessing=None if fits else Preprocessing.fit(data, source).to_json(),
        lengths=lengths,
        vocabulary=source.input.vocabulary,
    )


def load_training(assignment: Assignment) -> Examples | None:
    """The data's training part, if a check reads it, and what its preprocessing comes to. Raises ``DataError``."""
    data = assignment.data
    if data is None or not any(planned.check.needs_training for planned in assignment.checks):
        return None
    import torch

    from builder.runtime.data.preprocessing import Preprocessing
    from builder.runtime.data.splits import load_arrays

    source = data.fitted.describe(assignment.folder)
    inputs, labels, lengths = load_arrays(data, assignment.folder, "train")
    return Examples(
        inputs,
        labels,
        source.target,
        preprocessing=Preprocessing.fit(data, source, torch.from_numpy(inputs)).to_json(),
        lengths=lengths,
        vocabulary=source.input.vocabulary,
    )
