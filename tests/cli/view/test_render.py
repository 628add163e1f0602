"""What is shown is what was meant: carets under the right character, nothing sent to the terminal."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from builder.errors import Cause, Place, SpecError, SpecErrors
from cli.view import render


def shown(lines: list[render.Line]) -> str:
    stream = io.StringIO()
    render.show(lines, stream)
    return stream.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("model.yaml")
    path.write_text("layers:\n  - Conv2d: {kernel_sise: 5}\n  - Straße: 「日本」\t!\n", encoding="utf-8")
    return path


def test_an_error_with_its_line_and_a_caret(spec: Path) -> None:
    error = SpecError(
        "model.yaml",
        2,
        14,
        "layers[0].Conv2d",
        "`Conv2d` has no field `kernel_sise`",
        "Did you mean `kernel_size`?",
        (Place("model.yaml", 9, 3),),
    )
    assert shown(render.problems(SpecErrors([error]))) == (
        "model.yaml:2:14: `Conv2d` has no field `kernel_sise`\n"
        "  2 │   - Conv2d: {kernel_sise: 5}\n"
        "    │              ^\n"
        "      at layers[0].Conv2d, used at line 9\n"
        "      Hint: Did you mean `kernel_size`?\n"
        "\n"
        "1 error in model.yaml.\n"
    )


def test_the_caret_knows_wide_characters_and_tabs(spec: Path) -> None:
    text = shown(render.problems(SpecErrors([SpecError("model.yaml", 3, 18, "", "there", None)])))
    line, caret = text.splitlines()[1:3]
    assert line == "  3 │   - Straße: 「日本」 !"
    # `  3 │ ` and then 2 + `- Straße: ` + four wide characters + the tab
    assert caret.index("^") == 6 + 2 + 10 + 8 + 1


def test_a_long_line_is_cut_around_the_caret(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    spec.write_text("a: [" + "1, " * 100 + "wrong, " + "2, " * 100 + "]\n", encoding="utf-8")
    text = shown(render.problems(SpecErrors([SpecError("model.yaml", 1, 305, "", "there", None)])))
    line, caret = text.splitlines()[1:3]
    assert len(line) <= 60
    assert line[caret.index("^") :].startswith("wrong")
    assert line.count("…") == 2


def test_files_and_advice_are_counted_apart(spec: Path) -> None:
    one, two = (SpecError(file, 1, 1, "", "wrong", None) for file in ("model.yaml", "b.yaml"))
    text = shown(render.problems(SpecErrors([one, two], [SpecError("model.yaml", 1, 1, "", "unwise", None)])))
    assert "model.yaml:1:1: advice: unwise\n" in text
    assert text.endswith("2 errors in 2 files.\n")


def test_a_users_text_commands_no_terminal() -> None:
    assert render.plain("a\x1b[31m\x07b\u202e\x85") == "a\\x1b[31m\\x07b\\u202e\\x85"
    stream = Terminal()
    render.show(render.failure(Cause("[bold]\x1b]0;title\x07[/bold]", "[link=x]y[/link]")), stream)
    written = stream.getvalue()
    assert "[bold]\\x1b]0;title\\x07[/bold]" in written
    assert "[link=x]y[/link]" in written
    assert "\x07" not in written


def test_a_terminal_gets_colour_and_a_pipe_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    line: render.Line = (("error", "Error: "), ("", "x"))
    terminal = Terminal()
    render.show([line], terminal)
    assert "\x1b[1;31mError: " in terminal.getvalue()
    assert shown([line]) == "Error: x\n"


def test_an_unreadable_source_is_left_out(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for file in (str(pipe), "/dev/zero", "<text>", "no\0name", str(tmp_path)):
        error = SpecError(file, 1, 1, "", "expected a file", None)
        assert "│" not in shown(render.problems(SpecErrors([error])))


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ((8, 9, 14), "3 places to fill: lines 8, 9, 14"),
        ((8, 8), "2 places to fill: line 8"),
        ((3,), "1 place to fill: line 3"),
    ],
)
def test_holes_in_one_line(lines: tuple[int, ...], text: str) -> None:
    assert shown([render.holes([Place("f", line, 1) for line in lines])]) == text + "\n"


def test_a_table_breaks_its_last_cell_within_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    long = "⌊(28 + 2·2 − 1·(5 − 1) − 1)/1⌋ + 1 = 28"
    rows = [("a", "1", f"{long};  6 = 6"), ("a" * 12, "20", f"{long};  6 = 6"), ("b", "3", "")]
    text = shown(list(render.table(("name", "n", "how"), rows, right="lr")))
    assert text == (
        "name           n  how\n"
        f"a              1  {long}\n"
        "                  6 = 6\n"
        f"aaaaaaaaaaaa  20  {long}\n"
        "                  6 = 6\n"
        "b              3\n"
    )


def test_errors_as_data() -> None:
    error = SpecError("f", 1, 2, "a.b", "wrong", "right", (Place("f", 9, 1),))
    data = {"file": "f", "line": 1, "column": 2, "path": "a.b", "problem": "wrong", "hint": "right"}
    assert render.as_json(SpecErrors([error], [error])) == {"errors": [data], "advice": [data]}
    assert render.as_json(None) == {"errors": [], "advice": []}
    assert render.as_json(Cause("wrong"))["errors"] == [
        {"file": None, "line": None, "column": None, "path": None, "problem": "wrong", "hint": None}
    ]
