"""The value of a plain scalar in YAML's core schema.

PyYAML's own resolver follows YAML 1.1, where `on` is true, `010` is eight and `1e-3` is a text.
Source: YAML 1.2.2, chapter 10.3.2.
"""

from __future__ import annotations

import math
import re
from typing import Final

from builder.language.nodes import Plain

MAX_DIGITS: Final = 300  # a longer number is a text: no field takes it, and working it out takes long

_WORDS: Final[dict[str, Plain]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")


def resolve(text: str) -> Plain:
    """The core schema's value of a plain scalar.

    >>> [resolve(t) for t in ("on", "true", "1e-3", "010", "0x1F", "~")]
    ['on', True, 0.001, 10, 31, None]
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > MAX_DIGITS:
        return text
    if _INT.match(text):
        return int(text)
    if _OCTAL.match(text):
        return int(text[2:], 8)
    if _HEX.match(text):
        return int(text[2:], 16)
    return float(text) if _FLOAT.match(text) else text


def is_decimal(text: str) -> bool:
    """Whether the text is a number in decimal digits."""
    return bool(_FLOAT.match(text))
