"""Text: characters, after each of which the next one is to be said."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, Self, final

from pydantic import PrivateAttr, model_validator

from builder.component import Accepted, Rejected
from builder.data.datasets.dataset import Dataset
from builder.data.info import DataInfo, Examples, Target
from builder.errors import Cause, DataError
from builder.fields import Count
from builder.fields import Text as TextField
from builder.files.data import one_of_two, read_data
from builder.shapes import TensorType

UNKNOWN: Final = "\ufffd"  # token 0: a character that the training part does not hold


@final
class Text(Dataset):
    """A text in pieces of ``length`` characters; the target of every step is the next character.

    ``path`` is a UTF-8 file; ``shipped: tom_sawyer`` the first nine chapters of Mark Twain's novel. The
    vocabulary are the characters of the part that is trained on, which comes first in the text, after token
    0, which stands for every other: ``$vocabulary`` in the spec is its size. A last piece that is not full is
    left out. ``gradspec sample`` writes on.
    """

    main = "path"
    accepts = (
        Accepted("{shipped: tom_sawyer}"),
        Accepted("{path: novel.txt, length: 64}"),
        Accepted("novel.txt"),
    )
    rejects = (
        Rejected("", "expected `path` or `shipped`, found neither"),
        Rejected("{path: novel.txt, shipped: tom_sawyer}", "expected `path` or `shipped`, found both"),
        Rejected("{path: novel.txt, length: 0}", "expected a whole number of at least 1, found 0"),
    )

    path: TextField | None = None
    shipped: Literal["tom_sawyer"] | None = None
    length: Count = 100
    _share: float = PrivateAttr(default=1.0)

    @model_validator(mode="after")
    def _has_one_file(self) -> Self:
        one_of_two(self.path, self.shipped, "tom_sawyer")
        return self

    def seen(self, share: float) -> Text:
        """The same text, whose vocabulary is that of its first ``share``."""
        copy = self.model_copy()
        copy._share = share
        return copy

    def describe(self, folder: Path) -> DataInfo:
        """Reads the text: pieces of ``length`` characters in their order, and the next character at every step."""
        return self._describe(self._text(folder))

    def load(self, folder: Path) -> Examples:
        """Characters as tokens, N×length, int64; one that the vocabulary does not hold is token 0."""
        import numpy as np

        try:
            text = self._text(folder)
            info = self._describe(text)
        except Cause as cause:
            raise DataError(cause.problem, cause.hint) from None
        numbers = {character: token for token, character in enumerate(info.vocabulary)}
        used = text[: info.examples * self.length + 1]
        tokens = np.array([numbers.get(character, 0) for character in used], dtype=np.int64)
        x, y = (piece.reshape(info.examples, self.length) for piece in (tokens[:-1], tokens[1:]))
        return Examples(x, y)

    def _text(self, folder: Path) -> str:
        return read_data(folder, self.path, None if self.shipped is None else f"{self.shipped}.txt")

    def _describe(self, text: str) -> DataInfo:
        pieces = (len(text) - 1) // self.length
        if pieces < 1:
            problem = (
                f"the text has {len(text)} characters, and a piece and its target need {self.length + 1}"
            )
            raise Cause(problem, field="length")
        trained = text[: max(1, round(pieces * self._share)) * self.length + 1]
        vocabulary = (UNKNOWN, *sorted(set(trained) - {UNKNOWN}))
        if len(vocabulary) < 2:
            problem = (
                f"the text that is trained on holds no character but {UNKNOWN}, which stands for the unknown"
            )
            raise Cause(problem, "Save the file as UTF-8 again.", field="path")
        return DataInfo(
            TensorType((self.length,), len(vocabulary)),
            Target(len(vocabulary), names=vocabulary, steps=self.length),
            pieces,
            range=None,
            vocabulary=vocabulary,
            ordered=True,
        )
