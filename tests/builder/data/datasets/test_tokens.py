"""Tokens: sentences of unequal lengths, a tag for each token."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.data.datasets.tokens import UNKNOWN, Tokens
from builder.errors import Cause, DataError

TAGGED = "The\tDET\ncat\tNOUN\n\nThe\tDET\nold\tADJ\ncat\tNOUN\n\n\nold\tADJ\nThe\tDET\n"


def test_sentences_are_padded_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(TAGGED, encoding="utf-8")
    source = Tokens(path="a.tsv", minimum=1)
    info, found = source.describe(tmp_path), source.load(tmp_path)
    assert info.vocabulary == (UNKNOWN, "The", "cat", "old")
    assert info.target.names == ("ADJ", "DET", "NOUN")
    assert found.x.tolist() == [[1, 2, 0], [1, 3, 2], [3, 1, 0]]
    assert found.y.tolist() == [[1, 2, 0], [1, 0, 2], [0, 1, 0]]
    assert found.lengths is not None and found.lengths.tolist() == [2, 3, 2]


def test_rare_tokens_and_those_of_later_parts_are_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(TAGGED, encoding="utf-8")
    assert Tokens(path="a.tsv", minimum=3).describe(tmp_path).vocabulary == (UNKNOWN, "The")
    (tmp_path / "a.tsv").write_text("The\tDET\ncat\tNOUN\n\nA\tDET\ndog\tNOUN\n", encoding="utf-8")
    assert Tokens(path="a.tsv", minimum=1).seen(0.3).describe(tmp_path).vocabulary == (UNKNOWN, "The", "cat")


def test_a_tag_seen_only_in_a_later_part_is_an_error_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(TAGGED, encoding="utf-8")
    problem = "the tag `ADJ` of line 5 is on no line of the training part"
    with pytest.raises(Cause, match=problem):
        Tokens(path="a.tsv").seen(0.3).describe(tmp_path)
    with pytest.raises(DataError, match=problem):
        Tokens(path="a.tsv").seen(0.3).load(tmp_path)


def test_what_ships_is_as_its_page_says(tmp_path: Path) -> None:
    source = Tokens(shipped="oanc").seen(0.7)
    info, found = source.describe(tmp_path), source.load(tmp_path)
    assert info.examples == len(found.x) == 2000 and info.target.classes == 12
    assert found.lengths is not None and (found.lengths.min(), found.lengths.max()) == (5, 25)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\n\n", "the file holds no sentence"),
        ("The\tDET\ncat\n", "line 2 holds no token and its tag, with a tab between"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "a.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(Cause) as told:
        Tokens(path="a.tsv").describe(tmp_path)
    assert told.value.problem == problem
