"""Tokens: sentences, each token of which has a tag that is to be said."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self, final

from pydantic import PrivateAttr, model_validator

from builder.component import Accepted, Rejected
from builder.data.datasets.dataset import Dataset
from builder.data.info import DataInfo, Examples, Target
from builder.errors import Cause, DataError
from builder.fields import Count, Text
from builder.files.data import one_of_two, read_data
from builder.shapes import TensorType

UNKNOWN: Final = "\ufffd"  # token 0: one that is too rare in the training part, or not in it


class Tagged(NamedTuple):
    """A token and its tag, and the line of the file on which they stand."""

    token: str
    tag: str
    line: int


Sentence = list[Tagged]


@final
class Tokens(Dataset):
    """Sentences of unequal lengths, with a target for each token: a tag, such as its part of speech.

    ``path`` is a UTF-8 file with a token, a tab and its tag on each line and a blank line between sentences
    (of more columns, as CoNLL's files have, the first and the last count); ``shipped: oanc`` are 2,000
    English sentences with twelve parts of speech. The vocabulary are the tokens that the training part, which
    comes first, holds ``minimum`` times or more, after token 0, which stands for every other; the classes are
    its tags, and a tag that only later parts hold is an error. Sentences are padded, and the steps of the
    padding count nowhere.
    """

    main = "path"
    accepts = (Accepted("{shipped: oanc}"), Accepted("{path: tagged.tsv, minimum: 1}"))
    rejects = (
        Rejected("", "expected `path` or `shipped`, found neither"),
        Rejected("{path: tagged.tsv, minimum: 0}", "expected a whole number of at least 1, found 0"),
    )

    path: Text | None = None
    shipped: Literal["oanc"] | None = None
    minimum: Count = 2
    _share: float = PrivateAttr(default=1.0)

    @model_validator(mode="after")
    def _has_one_file(self) -> Self:
        one_of_two(self.path, self.shipped, "oanc")
        return self

    def seen(self, share: float) -> Tokens:
        """The same sentences, whose vocabulary and tags are those of the first ``share``."""
        copy = self.model_copy()
        copy._share = share
        return copy

    def describe(self, folder: Path) -> DataInfo:
        """Reads the sentences: tokens N×T with a free axis of steps, and a tag for every step."""
        return self._describe(self._sentences(folder))

    def load(self, folder: Path) -> Examples:
        """Tokens and tags, N×T, int64, padded to the longest sentence, with the sentences' lengths."""
        import numpy as np

        try:
            sentences = self._sentences(folder)
            info = self._describe(sentences)
        except Cause as cause:
            raise DataError(cause.problem, cause.hint) from None
        tokens = {token: number for number, token in enumerate(info.vocabulary)}
        tags = {tag: number for number, tag in enumerate(info.target.names)}
        lengths = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
        x = np.zeros((len(sentences), lengths.max()), dtype=np.int64)
        y = np.zeros_like(x)
        for row, sentence in enumerate(sentences):
            for step, (token, tag, _) in enumerate(sentence):
                x[row, step], y[row, step] = tokens.get(token, 0), tags[tag]
        return Examples(x, y, lengths=lengths)

    def _sentences(self, folder: Path) -> list[Sentence]:
        text = read_data(folder, self.path, None if self.shipped is None else f"{self.shipped}.tsv")
        sentences: list[Sentence] = [[]]
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                sentences.append([])
                continue
            values = [value.strip() for value in line.split("\t")]
            if len(values) < 2 or not values[0] or not values[-1]:
                hint = "As in `house<tab>NOUN`; a blank line ends the sentence."
                raise Cause(
                    f"line {number} holds no token and its tag, with a tab between", hint, field="path"
                )
            sentences[-1].append(Tagged(values[0], values[-1], number))
        found = [sentence for sentence in sentences if sentence]
        if not found:
            raise Cause("the file holds no sentence", field="path")
        return found

    def _describe(self, sentences: list[Sentence]) -> DataInfo:
        trained = sentences[: max(1, round(len(sentences) * self._share))]
        counts = Counter(tagged.token for sentence in trained for tagged in sentence)
        often = sorted(token for token, count in counts.items() if count >= self.minimum and token != UNKNOWN)
        vocabulary = (UNKNOWN, *often)
        tags = tuple(sorted({tagged.tag for sentence in trained for tagged in sentence}))
        for tagged in chain.from_iterable(sentences[len(trained) :]):
            if tagged.tag not in tags:
                problem = f"the tag `{tagged.tag}` of line {tagged.line} is on no line of the training part"
                hint = "Give the training part a larger share, or mix the sentences of the file."
                raise Cause(problem, hint, field="path")
        return DataInfo(
            TensorType(("T",), len(vocabulary)),
            Target(len(tags), names=tags, steps="T"),
            len(sentences),
            range=None,
            vocabulary=vocabulary,
            ordered=True,
        )
