"""Arithmetic that a user writes: held to its words, parsed by Python's own ``ast``, walked against a closed list.

There are three languages of it: ``$(channels * 4)`` in a spec, a cell's equations and an assignment's answers.
Each is a table of what is allowed (``Language``) and a ``Walker`` that says what a part comes to. Nothing is ever
executed.
"""

from __future__ import annotations

import ast
import keyword
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Generic, NoReturn, TypeVar

from builder.errors import Cause, did_you_mean

MAX_LENGTH: Final = 2000
MAX_DEPTH: Final = 64
SIGNS: Final[Mapping[type[ast.operator], str]] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
}

Result = TypeVar("Result")

_LEADING_ZEROS = re.compile(r"(?<![\w.])0+(?=[0-9])")
_WORD = re.compile(r"\w+|.", re.DOTALL)
_CLOSES: Final = {")": "(", "]": "["}


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """What a kind of arithmetic allows.

    ``called`` is what it is called in a sentence, ``allowed`` the hint for what is not part of it,
    ``functions`` the number of values that each function takes. With ``flat_sums`` a sum of many is not
    nested, however long; ``too_deep`` is the problem and the hint for what is.
    """

    called: str
    allowed: str
    functions: Mapping[str, int]
    too_deep: tuple[str, str | None] = ("the expression is nested too deeply", None)
    flat_sums: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedLanguage(Language):
    """A language whose texts are held to its words, signs and brackets before they are parsed.

    ``token`` matches one token; its groups are ``space number name sign bracket``. ``instead`` maps what
    people write by mistake to a hint. ``noun`` is what a text of it is called in a sentence.
    """

    noun: str
    token: re.Pattern[str]
    example: str
    instead: Mapping[str, str] = field(default_factory=dict)

    def refusal(self, text: str, position: int) -> Cause:
        """The error for a text that has no token at ``position``."""
        word = _WORD.match(text, position)[0]  # type: ignore[index]
        hint = self.instead.get(text[position : position + 2]) or self.instead.get(word)
        if hint is None:
            hint = "A name begins with a letter." if word.startswith("_") else self.allowed
        return Cause(f"`{short(word)}` is not part of {self.called}", hint, offset=position)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The tree that ``ast`` made of ``text``, which begins at the character ``start`` of what the user wrote."""

    tree: ast.expr
    text: str
    start: int = 0


def tokens(name: str, signs: str, brackets: str) -> re.Pattern[str]:
    """The pattern of a ``token``: numbers are decimal in every language, the rest is the language's own.

    >>> token = tokens(name="[a-z]+", signs="[-+]", brackets="[()]")
    >>> token.match("1.5e3+a"), token.match("0x10")
    (<re.Match object; span=(0, 5), match='1.5e3'>, None)
    """
    number = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
    return re.compile(
        rf"(?P<space>\s+)|(?P<number>{number})(?!\w)|(?P<name>{name})(?!\w)|(?P<sign>{signs})|(?P<bracket>{brackets})"
    )


def parse(text: str, language: GuardedLanguage, *, start: int = 0, enclosed: bool = False) -> Parsed:
    """The tree of ``text`` from ``start``. Raises ``Cause`` with the offset for what the guard refuses."""
    if len(text) > MAX_LENGTH:
        raise Cause(f"expected at most {MAX_LENGTH:,} characters of {language.noun}, found {len(text):,}")
    guard(text, language, start=start, enclosed=enclosed)
    body = _parseable(text[start:])
    stripped = body.lstrip()
    try:
        tree = ast.parse(stripped, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError):  # what the guard lets through
        raise Cause(f"expected {language.noun}, found `{short(text)}`", language.allowed) from None
    return Parsed(tree, stripped, start + len(body) - len(stripped))


def guard(text: str, language: GuardedLanguage, *, start: int = 0, enclosed: bool = False) -> None:
    """Holds ``text`` from ``start`` to its words, signs and brackets, each where it may stand.

    ``enclosed`` says that one pair of brackets stands around all of it. Raises ``Cause`` with the offset.
    """
    opened: list[int] = []  # offsets of the brackets that are open
    value_before = False  # whether a value stands before, so that a sign must follow
    called = False  # whether what stands before is a name, so that `(` may follow
    position, last, word = start, 0, ""
    while position < len(text):
        token = language.token.match(text, position)
        if token is None or any(keyword.iskeyword(part) for part in token.group().split(".")):
            raise language.refusal(text, position)
        kind = token.lastgroup
        if kind != "space":
            word = token.group()
            opens = word in ("(", "[")
            if last and enclosed and not opened:
                raise Cause(f"expected the end after `)`, found `{short(text[position:])}`", offset=position)
            needs_value = kind in ("number", "name") or opens
            if value_before and needs_value and not (word == "(" and called):
                raise Cause(f"expected a sign before `{short(word)}`", language.example, offset=position)
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


class Walker(ABC, Generic[Result]):
    """Takes a parsed tree apart, innermost first; what its language does not allow is refused at its column.

    A subclass says what numbers, signs and functions come to, and takes the nodes that only it allows.
    """

    language: ClassVar[Language]

    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self._bytes = parsed.text.encode()  # ast counts bytes of UTF-8

    def value(self, node: ast.expr, depth: int = 0) -> Result:
        """What a node comes to. Raises ``Cause`` below ``MAX_DEPTH`` and for what is not in the language."""
        if depth > MAX_DEPTH:
            self.refuse(node, *self.language.too_deep)
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self.number(node, number)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.value(operand, depth + 1)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.negative(node, self.value(operand, depth + 1))
            case ast.BinOp(op=op) if type(op) in SIGNS:
                return self._chain(node, depth)
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return self.call(node, name, depth)
        return self.other(node, depth)

    def values(self, nodes: Iterable[ast.expr], depth: int) -> list[Result]:
        """What each of several nodes comes to, all at one depth."""
        return [self.value(node, depth) for node in nodes]

    @abstractmethod
    def number(self, node: ast.expr, number: int | float) -> Result:
        """What a number comes to."""

    @abstractmethod
    def negative(self, node: ast.expr, operand: Result) -> Result:
        """What ``-operand`` comes to."""

    @abstractmethod
    def apply(self, node: ast.expr, function: str, *operands: Result) -> Result:
        """What a sign of ``SIGNS`` or a function of the language comes to on its operands."""

    def other(self, node: ast.expr, depth: int) -> Result:
        """What a node comes to that not every language has: a name, a list. By default it is refused."""
        self.refuse(node, f"{self.shown(node)} is not part of {self.language.called}", self.language.allowed)

    def check_operands(self, node: ast.BinOp) -> None:
        """Refuses operands that must not stand beside the sign, before either is walked."""

    def call(self, node: ast.Call, name: str, depth: int) -> Result:
        """What a function comes to: its name is looked up, its values counted, then each is walked."""
        self.check_call(node, name)
        return self.apply(node, name, *self.values(node.args, depth + 1))

    def check_call(self, node: ast.Call, name: str) -> None:
        """Refuses a function that the language lacks, and a wrong number of values."""
        if name not in self.language.functions:
            self.unknown(node, name)
        wanted = self.language.functions[name]
        if len(node.args) != wanted:
            values = "one value" if wanted == 1 else f"{wanted} values"
            self.refuse(node, f"`{name}` takes {values}, found {len(node.args)}")

    def unknown(self, node: ast.Call, name: str) -> NoReturn:
        """Refuses a function that the language lacks, with the name that is nearest."""
        self.refuse(node, f"there is no function `{name}`", did_you_mean(name, self.language.functions))

    def refuse(self, node: ast.expr, problem: str, hint: str | None = None) -> NoReturn:
        """Raises ``Cause`` at the node's first character."""
        raise Cause(problem, hint, offset=self.offset(node))

    def text(self, node: ast.expr) -> str:
        """The node as the user wrote it."""
        return self._bytes[node.col_offset : node.end_col_offset].decode()

    def shown(self, node: ast.expr) -> str:
        """The node as the user wrote it, clipped and in backticks."""
        return f"`{short(self.text(node))}`"

    def offset(self, node: ast.expr) -> int:
        """How many characters of what the user wrote stand before the node."""
        return self.parsed.start + len(self._bytes[: node.col_offset].decode())

    def _chain(self, node: ast.BinOp, depth: int) -> Result:
        """A sum or product of many nests to its left; with ``flat_sums`` that is walked without recursion."""
        self.check_operands(node)
        links = [node]
        while (
            self.language.flat_sums
            and isinstance(left := links[-1].left, ast.BinOp)
            and type(left.op) in SIGNS
        ):
            self.check_operands(left)
            links.append(left)
        result = self.value(links[-1].left, depth + 1)
        for link in reversed(links):
            result = self.apply(link, SIGNS[type(link.op)], result, self.value(link.right, depth + 1))
        return result


def short(text: str) -> str:
    """The text, clipped to what fits into a sentence."""
    return text if len(text) <= 60 else text[:57] + "…"


def _parseable(text: str) -> str:
    """The text for Python's parser, of the same width: white space as spaces, and ``010`` is ten."""
    return _LEADING_ZEROS.sub(lambda zeros: " " * len(zeros.group()), re.sub(r"\s", " ", text))
