"""What an output format is: which files it writes, for a class or for each submission.

A format is one file in ``grader/results/formats`` and is found by the folder's listing. It returns texts (or
bytes); ``grader.results.report`` writes them.
"""

from __future__ import annotations

import hashlib
import os
from typing import ClassVar, Final

from builder.component import Catalogue, Component
from grader.results.result import ClassResult, SubmissionResult

Files = dict[str, str | bytes]
_LONGEST_NAME: Final = 200


class OutputFormat(Component):
    """One way to write what a class got. A subclass overrides ``class_files``, ``submission_files`` or both."""

    folder: ClassVar[str] = ""
    """Where its files stand below the output folder; it is created even if the format writes no file."""

    def class_files(self, result: ClassResult) -> Files:
        """The files about the whole class: the content of each by its name."""
        return {}

    def submission_files(self, result: ClassResult, submission: SubmissionResult) -> Files:
        """The files about one submission: the content of each by its name, which ``file_name`` makes of an id.

        What it raises costs this submission its files and stops no other.
        """
        return {}


def file_name(id: str) -> str:
    """A file name for an id: itself, unless it is too long for a file system.

    >>> file_name("Ada, L. 🙂")
    'Ada, L. 🙂'
    """
    data = os.fsencode(id)
    if len(data) <= _LONGEST_NAME:
        return id
    return f"{data[:_LONGEST_NAME].decode(errors='ignore')}-{hashlib.sha256(data).hexdigest()[:12]}"


formats: Final[Catalogue[OutputFormat]] = Catalogue("output format", "grader.results.formats", OutputFormat)
