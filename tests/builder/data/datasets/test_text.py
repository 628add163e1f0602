"""Text: next characters, and a vocabulary of what is trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.data.datasets.text import UNKNOWN, Text
from builder.errors import Cause


def _spelt(tokens: list[int], vocabulary: tuple[str, ...]) -> str:
    return "".join(vocabulary[token] for token in tokens)


def test_each_target_is_the_next_character(tmp_path: Path) -> None:
    text = "the cat sat on the mat and looked about"
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    source = Text(path="a.txt", length=6)
    info, found = source.describe(tmp_path), source.load(tmp_path)
    assert info.vocabulary == (UNKNOWN, *sorted(set(text[:37])))
    assert info.examples == len(found.x) == (len(text) - 1) // 6
    assert _spelt(found.x.ravel().tolist(), info.vocabulary) == text[:36]
    assert _spelt(found.y.ravel().tolist(), info.vocabulary) == text[1:37]


def test_what_only_later_parts_hold_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ab" * 40 + "xy" * 20, encoding="utf-8")
    source = Text(path="a.txt", length=10).seen(0.5)
    info, found = source.describe(tmp_path), source.load(tmp_path)
    assert info.vocabulary == (UNKNOWN, "a", "b") and info.ordered
    assert (found.x[9:] == 0).all() and (found.x[:7] > 0).all()


def test_what_ships_is_long_enough(tmp_path: Path) -> None:
    info = Text(shipped="tom_sawyer").describe(tmp_path)
    assert info.examples == 1160 and 50 < len(info.vocabulary) < 80


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"short", "the text has 5 characters, and a piece and its target need 11"),
        (
            "\ufffd".encode() * 30,
            "the text that is trained on holds no character but \ufffd, which stands for the unknown",
        ),
        (b"caf\xe9 at the corner", "the file `a.txt` is no UTF-8 text: its byte 4 is none of it"),
    ],
)
def test_a_text_that_cannot_be_used_says_why(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(Cause) as told:
        Text(path="a.txt", length=10).describe(tmp_path)
    assert told.value.problem == problem
