"""answers: what is right by hand, however it is written, and what a misconception is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import RunError, SpecErrors
from grader.answering.question import shown, understood
from grader.assignment.assignment import read_assignment
from grader.outcome import Failed, Outcome, Passed

REFERENCE = """\
input: [1, 28, 28]
layers:
  - Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}
  - AvgPool2d: 2
  - Conv2d: {out_channels: 16, kernel_size: 5}
  - Flatten
  - Linear: 10
"""
Judge = Callable[..., Outcome]


def answered(
    judge: Judge, questions: str, answers: str, reference: str = REFERENCE, loss: str | None = None
) -> Outcome:
    return judge(f"answers: {{{questions}}}", reference, files={"answers.yaml": answers.encode()}, loss=loss)


@pytest.mark.parametrize(
    "answer",
    [
        "[16, 10, 10]",
        "16x10x10",
        "16×10×10",
        "16 × 10 × 10",
        "16·10·10",
        '"(16, 10, 10)"',
        '"[16,10,10]"',
        "N×16×10×10",
        "[N, 16, 10, 10]",
        "16 10 10",
        "[16.0, 10, 10]",
    ],
)
def test_a_shape_may_be_written_in_many_ways(judge: Judge, answer: str) -> None:
    assert isinstance(answered(judge, "q: shape(conv2d_2)", f"q: {answer}\n"), Passed)


@pytest.mark.parametrize(
    "answer",
    [
        "[16, 10]",
        "[10, 10, 16]",
        "1600",
        "[]",
        "",
        ".nan",
        "[16, 10, .inf]",
        "a lot",
        "{a: 1}",
        "true",
        "???",
        "[[16], [10], [10]]",
    ],
)
def test_what_is_no_shape_or_another_fails(judge: Judge, answer: str) -> None:
    outcome = answered(judge, "q: shape(conv2d_2)", f"q: {answer}\nother: 1\n")
    assert isinstance(outcome, Failed) and outcome.fraction == 0


@pytest.mark.parametrize("answer", ["2416", "2,416", "2416.0", '"2416"', "2_416", "[2416]"])
def test_a_number_may_be_written_in_many_ways(judge: Judge, answer: str) -> None:
    assert isinstance(answered(judge, "q: parameters(conv2d_2)", f"q: {answer}\n"), Passed)


def test_a_misconception_has_its_own_message(judge: Judge) -> None:
    question = (
        "q1: {answer: shape(conv2d_2), points: 4}, "
        "q2: {ask: How many?, answer: parameters(conv2d_2), points: 6, "
        "wrong: {parameters(conv2d_2) - 16: You forgot the biases., 25: That is one kernel.}}"
    )
    outcome = answered(judge, question, "q1: [16, 10, 10]\nq2: 2400\n")
    assert outcome == Failed(
        expected="q2: 2,416",
        found="q2: 2,400",
        hint="q2: You forgot the biases.",
        fraction=0.4,
        direction="not right: q2",
        detail="1 of 2 answers are right",
    )
    other = answered(judge, question, "q1: [16, 10, 10]\nq2: 1\n")
    assert isinstance(other, Failed) and other.hint == "q2 asked: How many?"


def test_questions_without_points_share_them(judge: Judge) -> None:
    outcome = answered(judge, "a: 1, b: 2, c: 3", "a: 1\nb: 2\nc: 4\n")
    assert isinstance(outcome, Failed) and outcome.fraction == pytest.approx(2 / 3)
    unanswered = answered(judge, "a: 1, b: 2", "a: 1\n")
    assert isinstance(unanswered, Failed) and unanswered.found == "b: no answer"


EDGES = """\
inputs: {image: [1, 3, 3]}
layers:
  - {name: edges, from: image, Conv2d: {out_channels: 1, kernel_size: 3, padding: 1, bias: false}}
"""
SOBEL = (
    "given: {image: [[0, 0, 1], [0, 0, 1], [0, 0, 1]], edges.weight: [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]}"
)


def test_a_value_by_hand(judge: Judge) -> None:
    question = f'q: {{{SOBEL}, answer: "value(edges)[0, 1, 1]", digits: 2}}'
    assert isinstance(answered(judge, question, "q: 4\n", EDGES), Passed)
    assert isinstance(answered(judge, question, "q: 3.9\n", EDGES), Failed)
    whole = f'q: {{{SOBEL}, answer: "output()[0, :, 1]"}}'
    assert isinstance(answered(judge, whole, "q: [3, 4, 3]\n", EDGES), Passed)


def test_a_value_that_depends_on_chance_is_no_question(judge: Judge) -> None:
    with pytest.raises(RunError, match=r"depends on `edges\.weight`, which is drawn at random"):
        answered(
            judge,
            'q: {given: {image: [[0]]}, answer: "value(edges)[0, 0, 0]"}',
            "q: 1\n",
            EDGES.replace("[1, 3, 3]", "[1, 1, 1]"),
        )


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        ("q: shape(conv2d_9)", "the reference has no layer `conv2d_9`"),
        ('q: "shape(conv2d_2)[3]"', "there is no such entry in \\[3\\]"),
        ("q: output()", "the value needs the input `input`"),
        ("q: {given: {inptu: [1]}, answer: 1}", "`given` has `inptu`"),
        ("q: 1 / (parameters(avg_pool2d_1) - 0)", "is not a finite number"),
    ],
)
def test_a_wrong_question_is_the_assignments_fault(judge: Judge, question: str, problem: str) -> None:
    with pytest.raises(RunError, match=problem):
        answered(judge, question, "q: 1\n")


LOGISTIC = "input: [2]\nlayers: [{Linear: 2}]\n"
GIVEN = "given: {input: [1, 2], linear_1.weight: [[1, 0], [0, 1]], linear_1.bias: [0, 0], target: 1}"


def test_a_loss_and_its_gradient_by_hand(judge: Judge) -> None:
    """−log softmax([1, 2])₁ = log(1 + e⁻¹); its gradient is softmax − onehot, times the input."""
    loss = np.log1p(np.exp(-1.0))
    p = 1 / (1 + np.exp(-1.0))
    questions = (
        f"a: {{{GIVEN}, answer: loss(), digits: 3}}, "
        f'b: {{{GIVEN}, answer: "gradient(linear_1.weight)[1, 1]", digits: 3}}, '
        f"c: {{{GIVEN}, answer: gradient(input), digits: 3}}"
    )
    text = f"a: {loss:.3f}\nb: {2 * (p - 1):.3f}\nc: [{1 - p:.3f}, {p - 1:.3f}]\n"
    assert isinstance(answered(judge, questions, text, LOGISTIC, "CrossEntropyLoss"), Passed)
    truncated = answered(
        judge, f"a: {{{GIVEN}, answer: loss(), digits: 4}}", "a: 0.313\n", LOGISTIC, "CrossEntropyLoss"
    )
    assert isinstance(truncated, Failed)


@pytest.mark.parametrize(
    ("digits", "answer", "right"),
    [
        (3, "0.333", True),
        (3, "0.33", False),
        (3, "1/3", True),
        (2, "0,33", True),
        (2, "0.34", False),
        (3, "333e-3", True),
    ],
)
def test_as_many_digits_as_are_demanded(judge: Judge, digits: int, answer: str, right: bool) -> None:
    outcome = answered(judge, f"q: {{answer: 1/3, digits: {digits}}}", f"q: {answer}\n")
    assert isinstance(outcome, Passed) == right


def test_a_file_that_is_no_yaml_says_where(judge: Judge) -> None:
    outcome = answered(judge, "q: 1", "q: [1\n")
    assert isinstance(outcome, Failed) and outcome.expected == "`answers.yaml` in YAML"
    assert outcome.found.startswith("line ")


def test_a_file_without_any_answer_says_how_to_write_them(judge: Judge) -> None:
    for text in ("Q: 1\n", "- 1\n", "\n"):
        outcome = answered(judge, "q: 1", text)
        assert isinstance(outcome, Failed)
        assert outcome.hint is not None and "a line for each question: `q: …`" in outcome.hint


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


@given(answer=JSON, value=st.sampled_from([3, 0.5, [16, 10, 10], [[0.0, 1.0]]]))
def test_no_answer_brings_the_grader_down(answer: object, value: object) -> None:
    found = understood(answer, value)
    assert found is None or np.isfinite(found).all()
    assert len(shown(answer)) <= 200


ASSIGNMENT = """\
assignment: by-hand
reference: reference.yaml
submission: {model: model.yaml, answers: answers.yaml}
points: 10
checks:
  - {name: by hand, answers: {a: {answer: parameters(), points: 4}, b: {answer: 2, points: 6}}, points: 10}
"""


def test_the_questions_points_are_the_checks(tmp_path: Path) -> None:
    (tmp_path / "assignment.yaml").write_text(ASSIGNMENT.replace("points: 6", "points: 5"))
    (tmp_path / "reference.yaml").write_text(REFERENCE)
    with pytest.raises(SpecErrors) as caught:
        read_assignment(tmp_path / "assignment.yaml")
    (error,) = caught.value.errors
    assert error.problem == "the points of its questions sum to 9, and the check has 10"
    assert (error.line, error.column) == (6, 21)


def test_a_class_answers(classroom: Any) -> None:
    """The whole way: nobody needs a model, and who hands in nothing is told how to."""
    classroom.write(ASSIGNMENT, REFERENCE)
    right = sum([6 * 25 + 6, 16 * 150 + 16, 1600 * 10 + 10])
    for name, text in {"ada": f"a: {right}\nb: 2\n", "bob": "a: 5\nb: 2.0\n", "eve": None}.items():
        folder = classroom.submit(name, None)
        if text is not None:
            (folder / "answers.yaml").write_text(text)
    found = {name: one.checks[-1] for name, one in classroom.graded().items()}
    assert {name: float(one.points) for name, one in found.items()} == {"ada": 10, "bob": 6, "eve": 0}
    outcome = found["eve"].outcome
    assert isinstance(outcome, Failed)
    assert outcome.hint is not None and outcome.hint.startswith("It holds a line for each question: `a: …`")


@pytest.mark.parametrize("answer", ["1600", "[1600]", '"1600"', "N×1600"])
def test_a_list_of_one_number_may_be_that_number(judge: Judge, answer: str) -> None:
    assert isinstance(answered(judge, "q: shape(flatten_1)", f"q: {answer}\n"), Passed)


# Every weight is 0 but what is written: the gates i, f, o are 1/2, and g is tanh(1) = 0.7616.
LSTM = (
    "input: [T, 2]\nlayers: [{name: memory, LSTM: {hidden_size: 3, output: last}}, {name: top, Linear: 1}]\n"
)
ZEROS = (
    "given: {input: [[0, 0], [0, 0], [0, 0]], memory.weight_ih_l0: 0, memory.weight_hh_l0: 0, memory.bias_hh_l0: 0, "
    "memory.bias_ih_l0: [0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0], top.weight: 1, top.bias: 0}"
)


@pytest.mark.parametrize(
    ("expression", "by_hand"),
    [
        ("hidden(memory, 0)[0]", 0),
        ("hidden(memory, 0, c)[2]", 0),
        ("hidden(memory, 1, c)[0]", 0.3808),  # 1/2 · 0.7616
        ("hidden(memory, 2, c)[0]", 0.5712),  # 1/2 · 0.3808 + 1/2 · 0.7616
        ("hidden(memory, 1)[0]", 0.1817),  # 1/2 · tanh 0.3808
        ("hidden(memory, 2, h)[1]", 0.2581),  # 1/2 · tanh 0.5712
        ("hidden(memory, 3, i)[1]", 0.5),
        ("hidden(memory, 3, g)[1]", 0.7616),
        ("hidden(memory, 3)[0] - value(memory)[0]", 0),
        ("3 * hidden(memory, 3)[0] - output()[0]", 0),
    ],
)
def test_a_hidden_state_is_asked_for_by_its_step(judge: Judge, expression: str, by_hand: float) -> None:
    question = f"q: {{{ZEROS}, answer: '{expression}'}}"
    outcome = answered(judge, question, f"q: {by_hand}\n", LSTM)
    assert isinstance(outcome, Passed), outcome


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("hidden(memory, 4)", "there is no step 4: the input that is given has 3"),
        ("hidden(memory, 1, d)", "has no gate or state `d`"),
        ("hidden(memory, 0, i)", "`i` is not carried: it has no value before the first step"),
        ("hidden(top, 1)", "`top` is not recurrent"),
        ("hidden(memroy, 1)", "the reference has no layer `memroy`"),
    ],
)
def test_a_hidden_state_that_is_not_there(judge: Judge, expression: str, problem: str) -> None:
    with pytest.raises(RunError, match=problem):
        answered(judge, f"q: {{{ZEROS}, answer: '{expression}'}}", "q: 1\n", LSTM)


def test_a_cell_of_ones_own_is_asked_for_in_its_own_words(judge: Judge) -> None:
    """a_t = a_{t-1}/2 + x: 1, 2.5, 4.25 for x = 1, 2, 3."""
    reference = """\
input: [T, 1]
cells: {Half: {states: [a], gates: {kept: a_prev / 2}, update: {a: kept + x}}}
layers: [{name: sum, Half: {hidden_size: 1}}]
"""
    given = "given: {input: [[1], [2], [3]]}"
    for expression, by_hand in (("hidden(sum, 3)", "[4.25]"), ("hidden(sum, 3, kept)", "[1.25]")):
        outcome = answered(judge, f"q: {{{given}, answer: '{expression}'}}", f"q: {by_hand}\n", reference)
        assert isinstance(outcome, Passed), outcome
