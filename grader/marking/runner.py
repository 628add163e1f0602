"""Grades a class: each folder in a fresh worker, judged outside it; one bad submission stops no other."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from builder.errors import RunError
from grader.assignment.assignment import Assignment, read_assignment
from grader.comparing.cell_equality import COMPARISON, CellComparer
from grader.exchange import Findings, Task
from grader.marking.marking import Marker
from grader.marking.reference import examine
from grader.outcome import Broken, Failed
from grader.results.report import write_reports
from grader.results.result import CheckResult, ClassResult, SubmissionResult, decimal
from grader.submission.limits import COMPARISON_SECONDS, Limits
from grader.worker.pool import Server, Session, describe

_ARCHIVES: Final = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


@dataclass(frozen=True, slots=True)
class Began:
    """The reference passed its own checks; grading starts."""

    assignment: Assignment
    submissions: int


@dataclass(frozen=True, slots=True)
class Judged:
    """One submission is done: the ``done``-th of all."""

    result: SubmissionResult
    done: int
    submissions: int


Event = Began | Judged
Watch = Callable[[Event], None]


def grade(
    assignment: str | Path,
    submissions: str | Path,
    out: str | Path | None = None,
    *,
    watch: Watch | None = None,
    jobs: int | None = None,
    limits: Limits | None = None,
    server: Server | None = None,
) -> ClassResult:
    """Grades every folder in ``submissions``; its name is the student's id.

    Writes ``results.json``, ``grades.csv``, a page per student and every other output format into ``out``.
    ``watch`` gets every event; ``jobs`` is how many are judged at once (absent: the processors there are).
    ``server`` may be one that runs already. Linux alone has what confines a worker. Raises ``SpecErrors`` for a
    wrong assignment, ``RunError`` for one whose reference does not pass, and ``OSError`` for files that are not
    there. What a submission holds never raises.
    """
    assigned, folder = read_assignment(Path(assignment)), Path(submissions)
    folders, ignored = find_submissions(folder)
    limits = limits or Limits()
    watch = watch or (lambda event: None)
    with ExitStack() as stack:
        server = server or stack.enter_context(Server())
        class_ = _Class(assigned, limits, server)
        watch(Began(assigned, len(folders)))
        results: list[SubmissionResult] = []
        pool = ThreadPoolExecutor(jobs or len(os.sched_getaffinity(0)))
        try:
            waiting: list[Future[SubmissionResult]] = [pool.submit(class_.judge, entry) for entry in folders]
            for future in as_completed(waiting):
                results.append(future.result())
                watch(Judged(results[-1], len(results), len(folders)))
        except BaseException:
            server.kill()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
    result = ClassResult(assigned, tuple(sorted(results, key=lambda result: result.id)), ignored)
    if out is not None:
        write_reports(result, Path(out))
    return result


def find_submissions(folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """The folders to grade, and the names of files beside them, which are no submissions.

    Raises ``RunError`` if there are none, or if one is still packed; ``OSError`` if ``folder`` is not there.
    """
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith((".", "__MACOSX")))
    folders = [entry for entry in entries if entry.is_dir() or entry.is_symlink()]
    others = [entry for entry in entries if entry not in folders]
    for entry in others:
        if entry.suffix.lower() in _ARCHIVES:
            raise RunError(
                f"`{entry.name}` is an archive, and archives are not available yet.",
                "Unpack each into a folder of its own; the folder's name is the student's id.",
            )
    if not folders:
        raise RunError(f"`{folder}` holds no submission.", "Each is a folder; its name is the student's id.")
    return folders, tuple(entry.name for entry in others)


class _Class:
    """All that the judging of one class shares."""

    def __init__(self, assignment: Assignment, limits: Limits, server: Server) -> None:
        self.assignment = assignment
        self.limits = limits
        self.server = server
        self.checks = describe(tuple(planned.check for planned in assignment.order))
        self.unshown = frozenset(planned.name for planned in assignment.order) - {
            planned.name for planned in assignment.checks
        }
        self.comparer = CellComparer(self._compared)
        self.marker = self._reference()

    def judge(self, folder: Path) -> SubmissionResult:
        """One submission, in a worker of its own."""
        session = Session(self.server, self.checks, folder, self.assignment.submission, self.limits)
        log: list[str] = []
        try:
            outcomes = self.marker.mark(folder, self.assignment.submission, session, log, self.unshown)
        finally:
            log.insert(0, session.close())
        return SubmissionResult(
            identify(folder),
            decimal(self.assignment.points),
            tuple(CheckResult(planned, outcomes[planned.name]) for planned in self.assignment.checks),
            "\n".join(part for part in log if part),
        )

    def _reference(self) -> Marker:
        self.server.wait()
        folder, names = self.assignment.folder, self.assignment.reference
        session = Session(self.server, self.checks, folder, names, self.limits)
        try:
            return examine(self.assignment, session, self.limits, self.comparer)
        finally:
            session.close()

    def _compared(self, task: Task) -> Findings | Failed | Broken:
        """Two cells, compared in a worker of its own that opens no submission."""
        seconds = min(self.limits.seconds, COMPARISON_SECONDS)
        limits = replace(self.limits, seconds=seconds)
        session = Session(self.server, self.checks, self.assignment.folder, {}, limits)
        try:
            return session.ask(COMPARISON, task)
        finally:
            session.close()


def identify(folder: Path) -> str:
    """A student's id: the folder's name; bytes that are no UTF-8 are written as escapes."""
    return os.fsencode(folder.name).decode("utf-8", "backslashreplace")
