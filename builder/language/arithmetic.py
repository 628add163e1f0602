"""The guard in front of Python's parser: a text is held to its words, signs and brackets before it is parsed.

Expressions (``$(channels * 4)``) and a cell's equations are both arithmetic; each says what it is written with.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from builder.errors import Cause

MAX_LENGTH: Final = 2000
MAX_DEPTH: Final = 64

_LEADING_ZEROS = re.compile(r"(?<![\w.])0+(?=[0-9])")
_WORD = re.compile(r"\w+|.", re.DOTALL)
_CLOSES: Final = {")": "(", "]": "["}


@dataclass(frozen=True, slots=True)
class Writing:
    """What a kind of arithmetic is written with.

    ``token`` matches one token; its groups are ``space number name sign bracket``. ``instead`` maps what
    people write by mistake to a hint. ``called`` is what the arithmetic is called in a sentence.
    """

    called: str
    token: re.Pattern[str]
    allowed: str
    example: str
    instead: Mapping[str, str] = field(default_factory=dict)

    def refusal(self, text: str, position: int) -> Cause:
        """What is said of a text that is not a token."""
        word = _WORD.match(text, position)[0]  # type: ignore[index]
        hint = self.instead.get(text[position : position + 2]) or self.instead.get(word)
        if hint is None:
            hint = "A name begins with a letter." if word.startswith("_") else self.allowed
        return Cause(f"`{short(word)}` is not part of {self.called}", hint, offset=position)


def guard(text: str, writing: Writing, *, start: int = 0, enclosed: bool = False) -> None:
    """Holds ``text`` from ``start`` to its words, signs and brackets, each where it may stand.

    ``enclosed`` says that one pair of brackets stands around all of it. Raises ``Cause`` with the offset.
    """
    opened: list[int] = []  # offsets of the brackets that are open
    value_before = False  # whether a value stands before, so that a sign must follow
    called = False  # whether what stands before is a name, so that `(` may follow
    position, last, word = start, 0, ""
    while position < len(text):
        token = writing.token.match(text, position)
        if token is None or any(keyword.iskeyword(part) for part in token.group().split(".")):
            raise writing.refusal(text, position)
        kind = token.lastgroup
        if kind != "space":
            word = token.group()
            opens = word in ("(", "[")
            if last and enclosed and not opened:
                raise Cause(f"expected the end after `)`, found `{short(text[position:])}`", offset=position)
            needs_value = kind in ("number", "name") or opens
            if value_before and needs_value and not (word == "(" and called):
                raise Cause(f"expected a sign before `{short(word)}`", writing.example, offset=position)
            if not value_before and not needs_value and word not in ("+", "-"):
                raise Cause(f"expected a value before `{word}`", offset=position)
            if opens:
                opened.append(position)
                if len(opened) > MAX_DEPTH:
                    raise Cause(f"expected at most {MAX_DEPTH} brackets inside each other", offset=position)
            elif word in _CLOSES:
                if not opened or text[opened[-1]] != _CLOSES[word]:
                    raise Cause(
                        f"this `{word}` closes nothing", "Remove it, or open it before.", offset=position
                    )
                last = opened.pop()
            value_before = kind in ("number", "name") or word in _CLOSES
            called = kind == "name"
        position = token.end()
    if opened:
        here, closing = text[opened[-1]], ")" if text[opened[-1]] == "(" else "]"
        hint = f"Write `{closing}` where it ends; in flow style a comma ends a value, unless it stands in quotes."
        raise Cause(f"this `{here}` is not closed", hint, offset=opened[-1])
    if not value_before:
        raise Cause(
            f"expected a value after `{word}`" if word else "expected a value", offset=len(text.rstrip())
        )


def parseable(text: str) -> str:
    """The text for Python's parser, of the same width: white space as spaces, and ``010`` is ten."""
    return _LEADING_ZEROS.sub(lambda zeros: " " * len(zeros.group()), re.sub(r"\s", " ", text))


def short(text: str) -> str:
    """The text, clipped to what fits into a sentence."""
    return text if len(text) <= 60 else text[:57] + "…"
