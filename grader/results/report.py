"""Writes what a class got into a folder, in every output format."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from builder.component import Catalogue
from builder.errors import RunError
from grader.results.formats.output_format import Files, OutputFormat, file_name, formats
from grader.results.result import ClassResult


def write_reports(result: ClassResult, out: Path, formats: Catalogue[OutputFormat] = formats) -> None:
    """Writes the files of every format into ``out`` and, where a worker wrote to stderr, ``logs/ID.txt``.

    A submission's file that cannot be written stops no other; ``RunError`` then names the submission, after all
    the rest is written.
    """
    chosen = [formats[name]() for name in formats]
    for output in chosen:
        (out / output.folder).mkdir(parents=True, exist_ok=True)
    for output in chosen:
        _write_all(output.class_files(result), out / output.folder)
    failed: list[str] = []
    for submission in result.submissions:
        try:
            if submission.log:
                (out / "logs").mkdir(exist_ok=True)
                _write(out / "logs" / f"{file_name(submission.id)}.txt", submission.log)
            for output in chosen:
                _write_all(output.submission_files(result, submission), out / output.folder)
        except Exception as error:  # whatever it is, the others have their pages
            failed.append(f"{submission.id}: {type(error).__name__}: {error}")
    if failed:
        raise RunError(
            f"the pages of {len(failed)} of {len(result.submissions)} submissions could not be written",
            "\n".join(["Everything else is written.", *failed]),
        )


def _write_all(files: Files, folder: Path) -> None:
    for name, content in files.items():
        _write(folder / name, content)


def _write(path: Path, content: str | bytes) -> None:
    """Writes a file whole or not at all."""
    # A student's text may hold half a character, which UTF-8 does not have: it is written as an escape.
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    temporary = path.with_name(f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}.part")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
