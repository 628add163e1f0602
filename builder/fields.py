"""The few types a field may have, each with one message.

A field's annotation is one of these; pydantic calls its check, which returns the value or raises with what
was expected and what was found. ``"6"``, ``5.0`` and ``true`` are no integers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from builder.language.nodes import describe

LARGEST: Final = 1 << 62
_FRACTION: Final = r"\s*([-+]?[0-9]+(?:\.[0-9]+)?)\s*/\s*([0-9]+(?:\.[0-9]+)?)\s*\Z"
# The same as JSON Schema writes it: ECMAScript has no \Z.
_FRACTION_SCHEMA: Final = r"^\s*[-+]?[0-9]+(\.[0-9]+)?\s*/\s*[0-9]+(\.[0-9]+)?\s*$"


class Checked:
    """Marks a field whose value one function checks and returns, and says the same as JSON Schema.

    pydantic's own pair of marks, PlainValidator and WithJsonSchema, would also make a validator and a
    serialiser of the annotated type, which nobody calls: half of the time that a model takes to build.
    """

    def __init__(self, check: Callable[[Any], object], schema: dict[str, Any]) -> None:
        self._check = check
        self._schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return self._schema.copy()


def wrong(expected: str, found: object, hint: str | None = None) -> PydanticCustomError:
    """The one sentence of a field that has the wrong kind of value."""
    return PydanticCustomError(
        "field", "{problem}", {"problem": f"expected {expected}, found {describe(found)}", "hint": hint}
    )


def _rewrite(value: object) -> str | None:
    """A hint for a number that was written as something else."""
    if (
        isinstance(value, str)
        and len(value) <= 40
        and re.fullmatch(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?", value)
    ):
        return f"Write {value} without quotes."
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"Write {int(value)}."
    return None


def _int(expected: str, least: int | None) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong(expected, value, _rewrite(value))
        if least is not None and value < least:
            raise wrong(expected, value)
        if abs(value) > LARGEST:
            raise wrong("a smaller number", value)
        return value

    return check


def _real(
    expected: str, least: float | None, most: float | None, *, above: bool = False, below: bool = False
) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        number = value
        if isinstance(value, str) and (parts := re.match(_FRACTION, value)):
            if float(parts[2]) == 0:
                raise wrong(expected, value, "A fraction's lower number is not zero.")
            number = float(parts[1]) / float(parts[2])
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise wrong(expected, value, _rewrite(value))
        number = float(number) if abs(number) < 1e308 else math.inf
        if (
            not math.isfinite(number)
            or (least is not None and (number < least or (above and number == least)))
            or (most is not None and (number > most or (below and number == most)))
        ):
            raise wrong(expected, value)
        return number

    return check


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        hint = None
        if isinstance(value, str) and value.lower() in ("yes", "on", "no", "off", "true", "false"):
            hint = f"Write {'true' if value.lower() in ('yes', 'on', 'true') else 'false'}."
        if isinstance(value, int) and value in (0, 1):
            hint = f"Write {'true' if value else 'false'}."
        raise wrong("true or false", value, hint)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        hint = f'Put it in quotes: "{value}".' if type(value) in (int, float) else None
        raise wrong("a text", value, hint)
    if not value:
        raise wrong("a text that is not empty", value)
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", value):  # a path with a NUL makes the system's calls fail
        raise wrong("a text without control characters", value)
    return value


def _one_or(length: int, least: int | None, expected: str) -> Callable[[Any], int | tuple[int, ...]]:
    def check(value: Any) -> int | tuple[int, ...]:
        values = value if isinstance(value, list | tuple) else [value]
        if isinstance(value, list | tuple) and len(value) != length:
            raise wrong(expected, value)
        for number in values:
            if isinstance(number, bool) or not isinstance(number, int):
                raise wrong(expected, value, _rewrite(value))
            if least is not None and number < least:
                raise wrong(expected, value)
            if abs(number) > LARGEST:
                raise wrong("a smaller number", value)
        return tuple(value) if isinstance(value, list | tuple) else value

    return check


def _reals(expected: str, length: int | None, least: float | None) -> Callable[[Any], tuple[float, ...]]:
    real = _real("a real number", least, None)

    def check(value: Any) -> tuple[float, ...]:
        if not isinstance(value, list | tuple) or (length is not None and len(value) != length) or not value:
            raise wrong(expected, value)
        try:
            return tuple(real(number) for number in value)
        except PydanticCustomError:
            raise wrong(expected, value) from None

    return check


def _sizes(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise wrong("a list of whole numbers of at least 1", value)
    for size in value:
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST:
            raise wrong("a list of whole numbers of at least 1", value)
    return tuple(value)


def _integer_schema(least: int | None) -> dict[str, Any]:
    return {"type": "integer"} if least is None else {"type": "integer", "minimum": least}


def _one_or_pair_schema(least: int) -> dict[str, Any]:
    whole = {"type": "integer", "minimum": least}
    return {"anyOf": [whole, {"type": "array", "items": whole, "minItems": 2, "maxItems": 2}]}


def _number_schema(**bounds: float) -> dict[str, Any]:
    return {"anyOf": [{"type": "number", **bounds}, {"type": "string", "pattern": _FRACTION_SCHEMA}]}


Int = Annotated[int, Checked(_int("a whole number", None), _integer_schema(None))]
Natural = Annotated[int, Checked(_int("a whole number of at least 0", 0), _integer_schema(0))]
Count = Annotated[int, Checked(_int("a whole number of at least 1", 1), _integer_schema(1))]
Real = Annotated[float, Checked(_real("a real number", None, None), _number_schema())]
NonNegative = Annotated[
    float,
    Checked(_real("a real number of at least 0", 0, None), _number_schema(minimum=0)),
]
Positive = Annotated[
    float,
    Checked(_real("a real number above 0", 0, None, above=True), _number_schema(exclusiveMinimum=0)),
]
Probability = Annotated[
    float,
    Checked(_real("a real number from 0 to 1", 0, 1), _number_schema(minimum=0, maximum=1)),
]
BelowOne = Annotated[
    float,
    Checked(
        _real("a real number of at least 0 and below 1", 0, 1, below=True),
        _number_schema(minimum=0, exclusiveMaximum=1),
    ),
]
Flag = Annotated[bool, Checked(_flag, {"type": "boolean"})]
Text = Annotated[str, Checked(_text, {"type": "string", "minLength": 1})]
OneOrPair = Annotated[
    int | tuple[int, ...],
    Checked(_one_or(2, 1, "a whole number of at least 1, or two of them"), _one_or_pair_schema(1)),
]
NaturalOrPair = Annotated[
    int | tuple[int, ...],
    Checked(_one_or(2, 0, "a whole number of at least 0, or two of them"), _one_or_pair_schema(0)),
]
Sizes = Annotated[
    tuple[int, ...],
    Checked(_sizes, {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1}),
]
RealPair = Annotated[
    tuple[float, ...],
    Checked(
        _reals("a list of two real numbers", 2, None),
        {"type": "array", "items": _number_schema(), "minItems": 2, "maxItems": 2},
    ),
]
Reals = Annotated[
    tuple[float, ...],
    Checked(
        _reals("a list of real numbers", None, None),
        {"type": "array", "items": _number_schema(), "minItems": 1},
    ),
]


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    """Both values of a ``OneOrPair``.

    >>> pair(3), pair((3, 5))
    ((3, 3), (3, 5))
    """
    if isinstance(value, int):
        return value, value
    return value[0], value[1]
