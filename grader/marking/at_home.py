"""What a student may run on his own folder: the visible checks that need nothing of the instructor's.

It runs in this process, without a worker: the folder is the student's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from grader.assignment.assignment import Assignment, Planned, read_assignment
from grader.check import Brief, Check
from grader.exchange import Findings, Role, Task
from grader.marking.marking import Marker
from grader.outcome import Broken, Failed
from grader.results.result import CheckResult
from grader.submission.limits import Limits
from grader.submission.submission import Submission
from grader.worker.one_step import answer_of, attempt


@dataclass(frozen=True, slots=True)
class HomeResult:
    """The checks that were judged here, and the visible ones that only the lecturer can judge."""

    assignment: Assignment
    checks: tuple[CheckResult, ...]
    elsewhere: tuple[Planned, ...]


class _AtHome:
    """Does a check's work in this process."""

    def __init__(
        self, folder: Path, names: Mapping[Role, str], checks: tuple[Check, ...], limits: Limits
    ) -> None:
        self._submission: Final = Submission(folder, names, arrays_limit=limits.arrays)
        self._checks: Final = checks

    def ask(self, check: int, task: Task) -> Findings | Failed | Broken:
        """The findings of the check with this number, or how it ended without."""
        return answer_of(attempt(self._checks[check], task, self._submission))


def check_folder(assignment: str | Path, folder: str | Path) -> HomeResult:
    """Judges a student's folder by what he may know.

    A check that is held against the reference or unseen data is listed, not run; a hidden one is not even
    listed. Raises ``SpecErrors`` for a wrong assignment, and ``OSError`` for what is not there.
    """
    released, own = read_assignment(Path(assignment), released=True), Path(folder).resolve()
    if not own.is_dir():
        raise NotADirectoryError(f"{folder} is no folder")
    order = released.order
    here = frozenset(planned.name for planned in released.checks if _public(planned))
    skip = frozenset(planned.name for planned in order) - here
    limits = Limits()
    marker = Marker(Brief(released.folder, allow=released.allow), order, limits)
    at_home = _AtHome(own, released.submission, tuple(planned.check for planned in order), limits)
    outcomes = marker.mark(own, released.submission, at_home, [], skip)
    return HomeResult(
        released,
        tuple(
            CheckResult(planned, outcomes[planned.name])
            for planned in released.checks
            if planned.name in here
        ),
        tuple(
            planned for planned in released.checks if planned.name in skip and planned.visibility == "visible"
        ),
    )


def _public(planned: Planned) -> bool:
    check = planned.check
    needed = check.needs_reference or check.needs_examples or check.needs_training
    return planned.visibility == "visible" and not needed
