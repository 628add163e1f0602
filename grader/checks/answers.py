"""answers: what the student worked out, against what the reference gives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self, final

import numpy as np
from pydantic import Field, model_validator

from builder.component import Accepted, Named, Rejected
from builder.errors import Cause, RunError, SpecErrors
from builder.language.nodes import Mapping, Node, Scalar, Sequence
from builder.language.source import read_bytes
from grader.answering.question import Question, shown, understood
from grader.check import Brief, Check, Subject
from grader.exchange import Findings, Role, Task
from grader.outcome import Failed, Outcome, Passed, Refusal
from grader.submission.limits import ANSWERS_BYTES

if TYPE_CHECKING:
    from grader.submission.submission import Submission

SHOWN: Final = 4
MOST_NUMBERS: Final = 10_000
LONGEST_TEXT: Final = 200


@final
class answers(Check):
    """What you worked out by hand is right.

    Each key is a question's name, and what stands below it is the question (`ask given answer digits wrong
    points`) or only its right answer: `q1: "shape(conv2d_2)"`. The points of the questions must sum to those
    of the check; without points each has the same share. You write your answers into the file of `answers`:
    a line for each question, as in `q1: [16, 10, 10]`.
    """

    reads: ClassVar[tuple[Role, ...]] = ("answers",)
    needs_reference: ClassVar[bool] = True

    gathers: ClassVar[str | None] = "questions"
    accepts = (
        Accepted('{q1: "shape(conv2d_2)", q2: parameters(conv2d_2)}'),
        Accepted(
            "{q1: {ask: What leaves conv2d_2?, answer: shape(conv2d_2), points: 4}, "
            "q2: {ask: How many parameters?, answer: parameters(), points: 6, "
            "wrong: {parameters() - 10: You forgot the biases.}}}"
        ),
        Accepted('{edge: {given: {image: [[0, 1], [2, 3]]}, answer: "value(edges)[0, 1, 1]", digits: 2}}'),
    )
    rejects = (
        Rejected("", "expected at least one question, found none"),
        Rejected("[1, 2]", "`answers` takes its fields by name, found a list"),
        Rejected("{q1: {answer: 1, points: 2}, q2: 5}", "`q2` has no `points`, and other questions have"),
        Rejected("{q1: shap(conv2d_2)}", "there is no `shap()` in questions"),
        Rejected("{q1: {answer: 1, pionts: 2}}", "`a question` has no field `pionts`"),
    )

    questions: Annotated[dict[str, Question], Named(Question)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _points(self) -> Self:
        if not self.questions:
            raise Cause("expected at least one question, found none", 'As in `{q1: "shape(conv2d_2)"}`.')
        unsaid = [name for name, question in self.questions.items() if question.points is None]
        if unsaid and len(unsaid) < len(self.questions):
            raise Cause(
                f"`{unsaid[0]}` has no `points`, and other questions have",
                "Give points to all questions, or to none: then each has the same share.",
                field=f"questions.{unsaid[0]}",
            )
        return self

    @property
    def parts(self) -> float | None:
        """The sum of the points of its questions; None if they share the points of the check evenly."""
        points = [question.points for question in self.questions.values() if question.points is not None]
        return math.fsum(points) if points else None

    def how_to(self, role: Role) -> str | None:
        """Names the keys that the file of answers must have."""
        return _how_to(self.questions)

    def prepare(self, brief: Brief, subject: Subject) -> Task | Outcome | None:
        """The reference evaluates the expressions of every question; a submission only reads its answers."""
        if not subject.is_reference:
            return Task()
        loss = brief.loss
        return Task(
            {
                "loss": None if loss is None else {type(loss).__name__: loss.plain()},
                "evaluate": {name: question.plain() for name, question in self.questions.items()},
            }
        )

    def without_answers(self) -> Self:
        """Keeps the names of the questions and replaces every right answer by 0."""
        return type(self)(questions={name: Question(answer=0) for name in self.questions})

    def work(self, task: Task, submission: Submission) -> Findings:
        """For a submission its answers by question; for the reference the values of the expressions.

        Raises ``RunError`` if an expression does not fit the reference.
        """
        questions = task.parameters.get("evaluate")
        if questions is None:
            return Findings(_handed_in(submission, self.questions))
        from grader.answering.reference_facts import Facts

        found: dict[str, Any] = {}
        for name, fields in questions.items():
            question = Question.model_validate(fields)
            try:
                facts = Facts(submission, question.arrays, task.parameters["loss"])
                expressions = [question.expression, *(wrong for wrong, _ in question.misconceptions)]
                found[name] = [np.asarray(expression.evaluate(facts)).tolist() for expression in expressions]
            except Cause as cause:
                raise RunError(f"question `{name}`: {cause.problem}", cause.hint) from None
        return Findings(found)

    def judge(self, brief: Brief, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """Each right answer earns its share; an answer that betrays a misconception gets its explanation."""
        slips: dict[str, tuple[str, str, str | None]] = {}
        reached = 0.0
        total = self.parts or float(len(self.questions))
        for name, question in self.questions.items():
            value, *others = reference.data[name]
            given = found.data.get(name)
            answer = understood(given, value)
            if answer is not None and question.agrees(answer, value):
                reached += question.points or 1.0
                continue
            told = None
            if answer is not None:
                pairs = zip(others, question.misconceptions, strict=True)
                told = next((text for other, (_, text) in pairs if question.agrees(answer, other)), None)
            elif given is not None:
                told = f"Write {'a number' if np.ndim(value) == 0 else 'a list, as in [16, 10, 10]'}."
            slips[name] = (shown(value), shown(given if answer is None else answer), told)
        if not slips:
            return Passed(f"{len(self.questions)} answers are right")
        shown_slips = list(slips.items())[:SHOWN]
        more = f"; and {len(slips) - SHOWN} more" if len(slips) > SHOWN else ""
        hints = [f"{name}: {told}" for name, (_, _, told) in slips.items() if told]
        return Failed(
            "; ".join(f"{name}: {wanted}" for name, (wanted, _, _) in shown_slips) + more,
            "; ".join(f"{name}: {given}" for name, (_, given, _) in shown_slips) + more,
            " ".join(hints) or self._again(slips),
            min(reached / total, 1 - 1e-9),
            direction=f"not right: {', '.join(slips)}",
            detail=f"{len(self.questions) - len(slips)} of {len(self.questions)} answers are right",
        )

    def _again(self, slips: dict[str, tuple[str, str, str | None]]) -> str | None:
        """The first question that went wrong, once more."""
        name = next(iter(slips))
        ask = self.questions[name].ask
        return None if ask is None else f"{name} asked: {ask}"


def _how_to(questions: dict[str, Question]) -> str:
    lines = ", ".join(f"`{name}: …`" for name in list(questions)[:SHOWN])
    return f"It holds a line for each question: {lines}; an answer is a number or a list: [16, 10, 10]."


def _handed_in(submission: Submission, questions: dict[str, Question]) -> dict[str, Any]:
    """The student's answers as plain data. Raises ``Refusal`` for a file that is no list of answers."""
    file = submission.name("answers")
    try:
        root = read_bytes(submission.read("answers", ANSWERS_BYTES), file).root
    except SpecErrors as errors:
        first = errors.errors[0]
        raise Refusal(
            f"`{file}` in YAML",
            f"line {first.line}, column {first.column}: {first.problem}",
            f"{first.hint} {_how_to(questions)}" if first.hint else _how_to(questions),
        ) from None
    if not isinstance(root, Mapping):
        raise Refusal(f"an answer to each question in `{file}`", "none", _how_to(questions))
    entries = {str(name): node for name, node in root.entries.items()}
    found = {name: _plain(entries[name]) for name in questions if name in entries}
    if not found:
        names = ", ".join(f"`{name[:40]}`" for name in list(entries)[:SHOWN]) or "nothing"
        raise Refusal(f"an answer to each question in `{file}`", f"{names} alone", _how_to(questions))
    return found


def _plain(node: Node) -> Any:
    """An answer as JSON: a number, a text, a list of those; None where nothing stands."""
    if isinstance(node, Scalar):
        if node.is_hole:
            return None
        finite = isinstance(node.value, int) or (isinstance(node.value, float) and math.isfinite(node.value))
        return node.value if finite or node.value is None else str(node.text)[:LONGEST_TEXT].strip() or None
    if isinstance(node, Sequence):
        items = [_plain(item) for item in node.items[:MOST_NUMBERS]]
        return items or None
    return "a mapping"
