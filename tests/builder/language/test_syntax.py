"""Syntax errors: each of libyaml's complaints becomes a sentence of ours, where one would look."""

from __future__ import annotations

import pytest
import yaml

from builder.errors import SpecErrors
from builder.language.source import read_text
from builder.language.syntax import explain, invisible

CASES = [
    ("a: [1, 2\nb: 3\n", "1:4: this `[` is not closed: expected `,` or `]`, found `:` in line 2"),
    ("a: {b: 1\n", "1:4: this `{` is not closed: expected `,` or `}`, found the end of the file"),
    ("a: [\n  {b: 1}\n  {c: 2}\n]\n", "3:3: expected `,` or `]`, found `{`"),
    ("a: {b: 1 c: 2}\n", "1:10: expected `,` or `}`, found `c:`"),
    ("a: {b: 1; größe: 2}\n", "1:11: expected `,` or `}`, found `größe:`"),
    ("a: {b: 1, c: 2]\n", "1:15: expected `,` or `}`, found `]`"),
    ("a: [1, 2}\n", "1:9: expected `,` or `]`, found `}`"),
    ('a: {b: "x" "y"}\n', '1:12: expected `,` or `}`, found `"`'),
    ("a: {b: ${c}}\n", "1:8: expected `$name` or `$(…)`, found `${`"),
    ("a: [1, 2]]\n", "1:10: expected the end of the line, found a `]`"),
    ("a: [1] x\n", "1:8: expected the end of the line, found `x`"),
    ("a: 'it's'\n", "1:8: expected the end of the line, found `s`"),
    ("- [1] x\n", "1:7: expected the end of the line, found `x`"),
    ("a: ]\n", "1:4: expected a value, found `]`"),
    ("a: [1,,2]\n", "1:7: expected a value, found `,`"),
    ("a: b: c\n", "1:5: expected one value after `a:`, found a second `:`"),
    ("- a: 1, b: 2\n", "1:10: expected one value after `a:`, found a second `:`"),
    ("a: 1\n  b: 2\n", "2:3: expected a start in column 1 (as line 1), found column 3"),
    (
        "a:\n    b: 1\n  c: 2\n",
        "3:3: expected a start in column 1 (as line 1) or 5 (as line 2), found column 3",
    ),
    (
        "a:\n  - b: 1\n   c: 2\n",
        "3:4: expected a start in column 3 (as line 2) or 5 (as line 2), found column 4",
    ),
    ("a:\n  - b\n  c: 2\n", "3:3: expected `- `, as in line 2, found `c`"),
    ("a: 1\n- b\n", "2:1: expected a key, as in line 1, found `- `"),
    ("a: - b\n", "1:4: expected a value, found the `- ` of a list's item"),
    ("layers\n  - b: 1\n", "1:1: expected `:` after `layers`"),
    ("a: 1\nlayers\n", "2:1: expected `:` after `layers`"),
    ("name:lenet\nb: 1\n", "1:6: expected a space after `name:`, found `l`"),
    ("a: 1\nname:lenet\nb: 1\n", "2:6: expected a space after `name:`, found `l`"),
    ('a: "x\nb: 1\n', '1:4: this `"` is not closed'),
    ("a: 'x\n", "1:4: this `'` is not closed"),
    ('a: "\\q"\n', "1:5: `\\q` is no escape of YAML"),
    ('a: "\\x1"\n', "1:7: expected the hexadecimal digits of a character"),
    ('a: "\\ud800"\n', "1:7: expected the hexadecimal digits of a character"),
    ("a:\n\tb: 1\n", "2:1: expected spaces, found a tab"),
    ("a:\n  b: 1\n  \tc: 1\n", "3:3: expected spaces, found a tab"),
    ("- \tx\n", "1:3: expected spaces, found a tab"),
    ("a:\u00a01\nb: 2\n", "1:3: expected a plain space, found the white space U+00A0"),
    ("a: @x\n", "1:4: a value cannot begin with `@`"),
    ("a: `x`\n", "1:4: a value cannot begin with a backtick"),
    ("a: ? b\n", "1:4: a value cannot begin with `? `"),
    ("a: *\n", "1:4: expected a name after `*`, found the end of the line"),
    ("a: |x\n  b\n", "1:5: expected the end of the line, found `x`"),
    ("a: !<x\n", "1:4: the tag here is badly written"),
    ("%FOO\na\n", "1:1: expected a spec, found a line that begins with `%`"),
    ("%YAML 1.2\na: 1\n", "1:1: expected a spec, found a line that begins with `%`"),
    ("...\nx\n", "1:1: expected a value, found `...`"),
    (":\n", "1:1: expected a key, as in line 1, found `:`"),
]


@pytest.mark.parametrize(("text", "line"), CASES)
def test_a_sentence_of_ours(text: str, line: str) -> None:
    with pytest.raises(SpecErrors) as caught:
        read_text(text, "f")
    (error,) = caught.value.errors
    assert f"{error.line}:{error.column}: {error.problem}" == line


def test_what_libyaml_may_say_one_day_is_passed_on() -> None:
    place, problem, hint = explain(yaml.YAMLError("a new complaint"), "a", "f")
    assert (place.line, place.column, problem, hint) == (1, 1, "this is not YAML: a new complaint", None)


@pytest.mark.parametrize("character", ["\x00", "\u2029", "\ud800", "\U0010ffff"])
def test_an_escape_that_yaml_reads_is_hinted_at(character: str) -> None:
    problem, hint = invisible(character)
    assert f"U+{ord(character):04X}" in problem
    escape = hint.split("`")[1]
    assert escape.encode().decode("unicode_escape") == character
