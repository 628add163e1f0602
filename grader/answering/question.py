"""One question of `answers`, and when an answer to it is right."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar, Final, Self, final

import numpy as np
from pydantic import model_validator

from builder.component import Accepted, Component, Rejected
from builder.errors import Cause
from builder.fields import Count, Positive, Text
from builder.language.nodes import describe
from grader.answering.question_language import LARGEST, Expression, parse
from grader.exchange import Array

DIGITS: Final = 4
MOST_SHOWN: Final = 12
LONGEST: Final = 80
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_FRACTION = re.compile(r"([-+]?[0-9]+(?:\.[0-9]+)?)\s*/\s*([0-9]+(?:\.[0-9]+)?)\Z")
_THOUSANDS = re.compile(r"[-+]?[0-9]{1,3}(?:[,_ ’'][0-9]{3})+\Z")
_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+\Z")
_BETWEEN = re.compile(r"\s*[×·xX*,;]\s*|\s+")


@final
class Question(Component):
    """One question: `ask` is its text, `answer` what the reference gives for it.

    `answer` is a number, a list of numbers, or an expression: `shape(layer)`, `parameters(layer)`,
    `multiply_adds(layer)`, `value(layer)[i, j]`, `gradient(parameter)[i, j]`, `output()[i]`, `loss()`,
    `hidden(layer, t)[i]`, and arithmetic with them. `hidden(memory, 1)` is what the recurrent layer `memory`
    gives after its first step, h_1; `hidden(memory, 3, c)` another state or a gate; step 0 is what it begins
    with. `given` holds inputs, weights and the `target` by their names, small enough to work with by hand: one
    example, or a batch; one number may stand for a whole array of weights. `digits` is how many significant
    digits an answer must have right: absent, whole numbers are exact and others have four. `wrong` maps answers
    that betray a misconception to what to say of them.
    """

    section_key: ClassVar[str | None] = "a question"
    main: ClassVar[str | None] = "answer"
    accepts = (
        Accepted('"shape(conv2d_2)"'),
        Accepted(
            "{ask: How many?, answer: parameters(conv2d_2), points: 6, "
            "wrong: {parameters(conv2d_2) - 16: You forgot the biases.}}"
        ),
        Accepted('{given: {image: [[0, 1], [2, 3]]}, answer: "value(edges)[0, 1, 1]", digits: 2}'),
        Accepted("{given: {input: [[1], [0]]}, answer: 'hidden(lstm_1, 2, c)[0]', digits: 3}"),
        Accepted("[16, 10, 10]"),
        Accepted("42"),
    )
    rejects = (
        Rejected("{points: 4}", "`a question` needs `answer`"),
        Rejected("shapes(conv2d_2)", "there is no `shapes()` in questions"),
        Rejected(
            '"hidden(lstm)"',
            "`hidden()` takes a layer, a step and, if it is not the output, a state, found 1",
        ),
        Rejected('"hidden(lstm, h)"', "expected the number of a step, found `h`"),
        Rejected(
            '"[c for c in output()]"', "`[c for c in output()]` is not part of the language of questions"
        ),
        Rejected("{answer: true}", "expected an expression, a number or a list of numbers, found true"),
        Rejected("{answer: 1, points: 0}", "expected a real number above 0, found 0"),
        Rejected("{answer: 1, given: 3}", "expected arrays by name, found 3"),
        Rejected("{answer: 1, given: {x: [[1], [2, 3]]}}", "`x` is no array of finite numbers"),
        Rejected("{answer: 1, wrong: 3}", "expected `{wrong answer: what to say of it}`, found 3"),
    )

    ask: Text | None = None
    given: Any = None
    answer: Any
    digits: Count | None = None
    wrong: Any = None
    points: Positive | None = None

    @model_validator(mode="after")
    def _in_the_language(self) -> Self:
        _read(self.answer, "answer")
        if self.given is not None:
            if not isinstance(self.given, dict):
                raise Cause(f"expected arrays by name, found {describe(self.given)}", field="given")
            for name, values in self.given.items():
                if _array(values) is None:
                    raise Cause(
                        f"`{name}` is no array of finite numbers",
                        "As in `[[0, 0, 1], [0, 0, 1]]`: every row has the same length.",
                        field=f"given.{name}",
                    )
        if self.wrong is not None:
            if not isinstance(self.wrong, dict) or not all(isinstance(v, str) for v in self.wrong.values()):
                raise Cause(
                    f"expected `{{wrong answer: what to say of it}}`, found {describe(self.wrong)}",
                    field="wrong",
                )
            for text in self.wrong:
                _read(text, "wrong")
        return self

    @cached_property
    def expression(self) -> Expression:
        """What the right answer is."""
        return _read(self.answer, "answer")

    @cached_property
    def misconceptions(self) -> tuple[tuple[Expression, str], ...]:
        """The answers that betray a misconception, each with what to say of it."""
        return tuple((_read(text, "wrong"), told) for text, told in (self.wrong or {}).items())

    @property
    def arrays(self) -> dict[str, Array]:
        """What is given, by name."""
        arrays = {str(name): _array(values) for name, values in (self.given or {}).items()}
        return {name: array for name, array in arrays.items() if array is not None}

    def agrees(self, answer: Array, value: Any) -> bool:
        """Whether an answer is this value of the reference's, to as many digits as are demanded."""
        wanted = np.asarray(value)
        if answer.shape != wanted.shape:
            return False
        off = np.abs(answer.astype(np.float64) - wanted.astype(np.float64))
        if wanted.dtype.kind in "iu" and self.digits is None:
            return bool((off == 0).all())
        largest = float(np.abs(wanted).max(initial=0.0)) or 1.0
        sizes = np.where(wanted == 0, largest, np.abs(wanted))
        units = 10.0 ** (np.floor(np.log10(sizes)) + 1 - (self.digits or DIGITS))
        return bool((off <= 0.5 * units * (1 + 1e-9)).all())  # correctly rounded, or closer


def _read(text: Any, field: str) -> Expression:
    """An expression, a number or a list. Raises ``Cause`` at the field."""
    numbers = isinstance(text, int | float | list | tuple) and not isinstance(text, bool)
    if not numbers and not isinstance(text, str):
        raise Cause(
            f"expected an expression, a number or a list of numbers, found {describe(text)}", field=field
        )
    try:
        return parse(text if isinstance(text, str) else repr(text))
    except Cause as cause:
        raise Cause(cause.problem, cause.hint, field=field, offset=cause.offset) from None


def _array(values: Any) -> Array | None:
    """Numbers, nested evenly; None if they are anything else, or not finite."""
    try:
        array = np.array(values)
    except (ValueError, OverflowError):
        return None
    return array if array.dtype.kind in "iuf" and array.size and np.isfinite(array).all() else None


def understood(answer: Any, value: Any) -> Array | None:
    """A student's answer as numbers, read as ``value`` makes it plain; None if it is no answer.

    `[16, 10, 10]`, `16x10x10`, `16 × 10 × 10`, `16·10·10`, `N×16×10×10` and `(16, 10, 10)` are one shape;
    `2,416` is a whole number, `0,25` a quarter, `1/3` a third; `400` is also a list of one number.
    """
    wanted = np.asarray(value)
    if isinstance(answer, str):
        answer = _from_text(answer.strip(), wanted)
    elif isinstance(answer, list):
        if wanted.ndim == 1 and answer and answer[0] in ("N", "n"):
            answer = answer[1:]
        answer = _numbers(answer)
    elif isinstance(answer, bool):
        return None
    if answer is None or (array := _array(answer)) is None:
        return None
    if wanted.ndim == 0 and array.size == 1:
        return array.reshape(())
    if wanted.shape == (1,) and array.ndim == 0:
        return array.reshape(1)
    return array


def _numbers(answer: list[Any]) -> list[Any] | None:
    """A list with every text in it read as a number; None if one is anything else."""
    read: list[Any] = []
    for item in answer:
        number = (
            _numbers(item) if isinstance(item, list) else _number(item) if isinstance(item, str) else item
        )
        if number is None or isinstance(number, bool):
            return None
        read.append(number)
    return read


def _from_text(text: str, wanted: Array) -> Any:
    if wanted.ndim == 0:
        whole = wanted.dtype.kind in "iu"
        if whole and _THOUSANDS.match(text):
            return int(re.sub(r"[^-+0-9]", "", text))
        if not whole and _COMMA.match(text):
            return float(text.replace(",", "."))
        return _number(text)
    parts = [part for part in _BETWEEN.split(text.strip("[](){} ")) if part]
    if parts and parts[0] in ("N", "n"):
        parts = parts[1:]
    return _numbers(list(parts)) or None


def _number(text: str) -> int | float | None:
    """The number that a text writes, or None: `nan` and `inf` are no numbers."""
    text = text.strip()
    if (fraction := _FRACTION.match(text)) and float(fraction[2]) != 0:
        return float(fraction[1]) / float(fraction[2])
    if len(text) > 64 or not _NUMBER.match(text):
        return None
    number = float(text)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < LARGEST else number


def shown(value: Any) -> str:
    """A value as it is written on the board: `2,416`, `[16, 10, 10]`, `0.3333`."""
    if value is None:
        return "no answer"
    if isinstance(value, str):
        return f'"{value}"'
    array = _array(value)
    if array is None or isinstance(value, bool):
        text = str(value)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    if array.ndim == 0:
        return f"{int(array):,}" if array.dtype.kind in "iu" else f"{float(array):.6g}"
    if array.ndim == 1:
        texts = list(_shown_items(array))
        return f"[{', '.join(texts)}]"
    return f"an array of shape {list(array.shape)}"


def _shown_items(array: Array) -> Iterator[str]:
    for item in array[:MOST_SHOWN]:
        yield f"{item:.6g}" if array.dtype.kind == "f" else str(item)
    if len(array) > MOST_SHOWN:
        yield f"… {len(array) - MOST_SHOWN} more"
