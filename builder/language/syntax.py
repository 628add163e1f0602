"""What is wrong with a text that is no YAML, in our own words: libyaml knows where, and says it poorly."""

from __future__ import annotations

import re
from typing import Final

import yaml

from builder.errors import Place

Sentence = tuple[Place, str, str | None]
"""Where, the problem and a hint: what ``Report.error`` takes."""

_CLOSING: Final = {"[": "]", "{": "}"}
_PAIRS: Final = {closing: opening for opening, closing in _CLOSING.items()}
_INDENTED = "Keys of one mapping start in the same column; so do the items of one list."
_QUOTES = "Put it in quotes if it is meant as text."
_ONE = "A spec is one mapping: its keys all start in the same column."
_PAGES: Final = 1 << 14  # characters in which a bracket is expected to close


def explain(error: yaml.YAMLError, text: str, file: str) -> Sentence:
    """The sentence for a syntax error of libyaml's.

    ``text`` is what was read, with lines that end as libyaml counts them.
    """
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Place(file, 1, 1), f"this is not YAML: {error}", None
    return _Explanation(error, text, file).sentence()


def invisible(character: str) -> tuple[str, str]:
    """The problem and hint for a character that nobody sees and no spec may hold."""
    code = f"U+{ord(character):04X}"
    kind = "control character" if ord(character) < 0xA0 else "invisible character"
    escape = f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"
    return f"expected text, found the {kind} {code}", f"Remove it, or write `{escape}` inside double quotes."


class _Explanation:
    """One syntax error: what libyaml says, and the lines around it. Lines and columns count from 0 here."""

    def __init__(self, error: yaml.MarkedYAMLError, text: str, file: str) -> None:
        mark, opened = error.problem_mark, error.context_mark
        self.problem = error.problem or ""
        self.file = file
        self.text = text
        self.lines = text.splitlines() or [""]
        self.at = (mark.line, mark.column) if mark is not None else (0, 0)
        self.opened = (opened.line, opened.column) if opened is not None else None
        self.line = self._line(self.at[0])
        self.before = self.line[: self.at[1]]
        self.rest = self.line[self.at[1] :]

    def sentence(self) -> Sentence:
        sentence = self._white_space() or self._structure() or self._token()
        return sentence or (self._place(*self.at), f"this is not YAML: {self.problem}", None)

    def _white_space(self) -> Sentence | None:
        """Tabs and spaces that only look like one."""
        row, column = self.at
        if odd := self._odd_space(row):
            return odd
        indent = self.line[: _indent(self.line)]
        if "\t" in indent or self.rest.startswith("\t"):
            place = self._place(row, indent.index("\t") if "\t" in indent else column)
            return place, "expected spaces, found a tab", "YAML indents with spaces only."
        return None

    def _odd_space(self, row: int) -> Sentence | None:
        space = re.search(r"[^\S \t]", self._line(row))
        if space is None:
            return None
        problem = f"expected a plain space, found the white space U+{ord(space.group()):04X}"
        return self._place(row, space.start()), problem, "It looks like a space and is none: retype it."

    def _structure(self) -> Sentence | None:
        """Brackets, columns, colons: how values stand to each other."""
        match self.problem:
            case "did not find expected ',' or ']'" | "did not find expected ',' or '}'":
                return self._bracket()
            case "did not find expected key" | "did not find expected '-' indicator":
                return self._neighbour()
            case "mapping values are not allowed in this context":
                return self._colon()
            case "could not find expected ':'":
                return self._key(self.opened or self.at)
            case "did not find expected node content":
                return self._content()
            case "block sequence entries are not allowed in this context":
                problem = "expected a value, found the `- ` of a list's item"
                return self._place(*self.at), problem, "Start a list on a line of its own, or write `[…]`."
            case "did not find expected <document start>":
                if self.text.startswith("%"):
                    return self._directive(0)
                return (
                    self._place(*self.at),
                    f"expected the end of the file, found {self._found()}",
                    _ONE,
                )
        return None

    def _bracket(self) -> Sentence:
        row, column = self.opened or self.at
        opening = self._line(row)[column : column + 1]
        closing = _CLOSING.get(opening, "}")
        expected = f"expected `,` or `{closing}`"
        if self.before.endswith("$") and self.rest.startswith("{"):
            place = self._place(self.at[0], self.at[1] - 1)
            return place, "expected `$name` or `$(…)`, found `${`", "Braces are YAML's own: write `$(a * b)`."
        if not self._closed(row, column):
            where = "" if self.at[0] in (row, len(self.lines)) else f" in line {self.at[0] + 1}"
            problem = f"this `{opening}` is not closed: {expected}, found {self._found()}{where}"
            return self._place(row, column), problem, f"Write `{closing}` where it ends."
        if self.rest[:1] in _PAIRS:
            problem = f"{expected}, found `{self.rest[:1]}`"
            return self._place(*self.at), problem, f"What `{opening}` opens, `{closing}` closes."
        word = re.search(r"[^\s,\[\]{}]+\s*\Z", self.before[-80:]) if self.rest.startswith(":") else None
        start = self.at[1] - len(word.group()) if word else self.at[1]
        found = f"`{word.group().strip()}:`" if word else self._found()
        hint = "Commas separate what stands in brackets; a text that holds `: ` needs quotes."
        return self._place(self.at[0], start), f"{expected}, found {found}", hint

    def _closed(self, row: int, column: int) -> bool:
        """Whether the bracket is closed in the next pages, brackets in quotes and comments counted too."""
        rest = "\n".join([self._line(row)[column:], *self.lines[row + 1 :]])[:_PAGES]
        depth = 0
        for bracket in re.finditer(r"[\[\]{}]", rest):
            depth += 1 if bracket.group() in _CLOSING else -1
            if depth == 0:
                return True
        return False

    def _neighbour(self) -> Sentence:
        """Something stands beside or below a finished value."""
        place = self._place(*self.at)
        begun, column = self.opened or self.at
        if self.before.strip():
            if self.rest[:1] in _PAIRS:
                opening = _PAIRS[self.rest[0]]
                problem = f"expected the end of the line, found a `{self.rest[0]}`"
                return place, problem, f"It closes nothing: no `{opening}` is open."
            hint = "What follows a value in brackets or quotes stands on a line of its own."
            if self.before[-1] in "'\"":
                hint = "A quote inside single quotes is written twice: 'it''s'."
            return place, f"expected the end of the line, found {self._found()}", hint
        if self.at[1] != column:
            return self._indentation()
        if self.problem == "did not find expected key":
            problem = f"expected a key, as in line {begun + 1}, found {self._found()}"
            hint = "A mapping and a list cannot stand in one column: indent the list below its key."
            return (
                place,
                problem,
                hint if self.rest.startswith("-") else "A key is a word, and `: ` follows it.",
            )
        problem = f"expected `- `, as in line {begun + 1}, found {self._found()}"
        return (
            place,
            problem,
            "Each item of a list begins with `- `; what comes after the list stands further left.",
        )

    def _indentation(self) -> Sentence:
        """The line starts where nothing starts to which it could belong."""
        row, column = self.at[0], _indent(self.line)
        starts: dict[int, int] = {}  # each column where it could start: the line above that starts there
        for above in range(row - 1, -1, -1):
            content, start = self._content_of(above), _indent(self.lines[above])
            if not content or (starts and start >= min(starts)):
                continue
            starts[start] = above
            item = re.match(r"- +(?=.*:(?:\s|\Z))", content)
            if item:
                starts.setdefault(start + len(item.group()), above)
            if start == 0:
                break
        left = max((start for start in starts if start < column), default=None)
        right = min((start for start in starts if start > column), default=None)
        near = [start for start in (left, right) if start is not None]
        expected = " or ".join(f"{start + 1} (as line {starts[start] + 1})" for start in near) or "1"
        problem = f"expected a start in column {expected}, found column {column + 1}"
        return self._place(row, column), problem, _INDENTED

    def _colon(self) -> Sentence:
        """A `:` where no key can be."""
        key = re.sub(r"\A(?:- +)*", "", self.before.lstrip())
        earlier = re.match(r"(\S+):\s", key)
        if earlier:
            problem = f"expected one value after `{earlier.group(1)}:`, found a second `:`"
            hint = (
                "Write a mapping as `{key: value}` or on its own lines; a text that holds `: ` needs quotes."
            )
            return self._place(*self.at), problem, hint
        above = next((r for r in range(self.at[0] - 1, -1, -1) if self._content_of(r)), None)
        if above is not None and not re.search(r":(?:[ \t]|\Z)", self._content_of(above)):
            return self._key((above, _indent(self.lines[above])))
        if above is not None:
            return self._indentation()
        return self._place(*self.at), "expected a value, found `:`", _QUOTES

    def _content_of(self, row: int) -> str:
        return re.sub(r"(?:\A|\s)#.*", "", self._line(row)).strip()

    def _key(self, start: tuple[int, int]) -> Sentence:
        """A line that should hold a key and has no `: `."""
        row, column = start
        if odd := self._odd_space(row):
            return odd
        content = re.sub(r"\A(?:- +)*", "", self._line(row)[column:])
        column = len(self._line(row)) - len(content)
        tight = re.match(r"[A-Za-z_][\w.]*:(?=\S)", content)
        if tight:
            problem = f"expected a space after `{tight.group()}`, found `{content[tight.end()]}`"
            return self._place(row, column + tight.end()), problem, None
        word = re.split(r"\s#|[:,]", content)[0].strip()
        return (
            self._place(row, column),
            f"expected `:` after `{word}`",
            "A key needs a `:` and a space after it.",
        )

    def _content(self) -> Sentence:
        place = self._place(*self.at)
        character = self.rest[:1]
        problem = f"expected a value, found {self._found()}"
        if character in _PAIRS and self.problem and "," not in self.before[-2:]:
            return place, problem, f"It closes nothing: no `{_PAIRS[character]}` is open."
        return place, problem, "A comma stands between two values." if character in (",", *_PAIRS) else None

    def _directive(self, row: int) -> Sentence:
        return self._place(row, 0), "expected a spec, found a line that begins with `%`", "Remove the line."

    def _token(self) -> Sentence | None:
        """A single value that is badly written."""
        start = self._place(*(self.opened or self.at))
        character = self.rest[:1]
        match self.problem:
            case "found unexpected end of stream" | "found unexpected document indicator":
                quote = self._line(start.line - 1)[start.column - 1 :][:1]
                return start, f"this `{quote}` is not closed", f"End the text with `{quote}`."
            case "found unknown escape character":
                problem = f"`{self.rest[:2]}` is no escape of YAML"
                return self._place(*self.at), problem, "In single quotes a backslash stands for itself."
            case "did not find expected hexdecimal number" | "found invalid Unicode character escape code":
                problem = "expected the hexadecimal digits of a character"
                return self._place(*self.at), problem, "As in `\\u00e9`."
            case "found character that cannot start any token":
                shown = "a backtick" if character == "`" else f"`{character}`"
                return self._place(*self.at), f"a value cannot begin with {shown}", _QUOTES
            case "mapping keys are not allowed in this context":
                return self._place(*self.at), "a value cannot begin with `? `", _QUOTES
            case "did not find expected alphabetic or numeric character":
                sign = self._line(start.line - 1)[start.column - 1 :][:1]
                return start, f"expected a name after `{sign}`, found {self._found()}", _QUOTES
            case "found an indentation indicator equal to 0" | "did not find expected comment or line break":
                problem = f"expected the end of the line, found {self._found()}"
                return self._place(*self.at), problem, "After `|` or `>` the text stands on lines of its own."
        row = start.line - 1
        if self._line(row).startswith("%"):
            return self._directive(row)
        if self._line(row)[start.column - 1 :].startswith("!"):
            return start, "the tag here is badly written", "Put a text that begins with `!` in quotes."
        return None

    def _found(self) -> str:
        """The word or sign at which the reading stopped."""
        if not self.rest:
            broken = self.at[0] + (not self.text.endswith(("\n", "\r"))) < len(self.lines)
            return "the end of the line" if broken else "the end of the file"
        word = re.match(r"\.\.\.|---|- |[\w.+-]+", self.rest)
        return f"`{word.group() if word else self.rest[0]}`"

    def _line(self, row: int) -> str:
        return self.lines[row] if row < len(self.lines) else ""

    def _place(self, row: int, column: int) -> Place:
        return Place(self.file, row + 1, column + 1)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
