"""Marks one folder: every check in its order, each ending in exactly one outcome."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from builder.errors import RunError
from grader.assignment.assignment import Planned
from grader.check import Brief, Subject
from grader.checks.valid import outline_of
from grader.exchange import Findings, Role, Task
from grader.outcome import Blocked, Broken, Failed, Outcome, Passed, fraction_of
from grader.submission.limits import Limits


class OpenSubmission(Protocol):
    """A submission that is open for a check's work: in a worker, or in this process at home."""

    def ask(self, check: int, task: Task) -> Findings | Failed | Broken:
        """The findings of the check with this number, or how it ended without."""


@dataclass(slots=True)
class Marker:
    """Marks folders by the checks of one assignment.

    ``checks`` stand in the order in which they run. ``reference`` holds the reference's findings by check.
    """

    brief: Brief
    checks: tuple[Planned, ...]
    limits: Limits
    reference: Mapping[str, Findings] = field(default_factory=dict)

    def mark(
        self,
        folder: Path,
        names: Mapping[Role, str],
        opened: OpenSubmission,
        log: list[str],
        skip: frozenset[str] = frozenset(),
    ) -> dict[str, Outcome]:
        """The outcome of every check but those of ``skip``, which count as passed for those that need them.

        What goes wrong on our side is described in ``log``.
        """
        files = frozenset(role for role, name in names.items() if os.path.lexists(folder / name))
        run = _Run(self, Subject(None, files), names, opened, log)
        for index, planned in enumerate(self.checks):
            if planned.name not in skip:
                run.outcomes[planned.name] = run.judged(index, planned)
        return run.outcomes


@dataclass(slots=True)
class _Run:
    """One folder, on its way through the checks."""

    marker: Marker
    subject: Subject
    names: Mapping[Role, str]
    opened: OpenSubmission
    log: list[str]
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def judged(self, index: int, planned: Planned) -> Outcome:
        try:
            return self._in_the_way(planned) or self._judged(index, planned)
        except RunError as error:
            return Broken(f"the assignment: {error}")
        except Exception as error:
            self.log.append(f"{planned.name}: {traceback.format_exc()}")
            return Broken(f"{type(error).__name__}: {error}")

    def _in_the_way(self, planned: Planned) -> Outcome | None:
        """What keeps a check from being judged at all."""
        needs = dict(planned.needs)
        if planned.type != "valid" and "model" in planned.check.reads:
            needs |= {known.name: 1.0 for known in self.marker.checks if known.type == "valid"}
        for name, part in needs.items():
            outcome = self.outcomes.get(name, Passed())
            reached = fraction_of(outcome)
            if reached is None:
                return Broken(f"`{name}` was not judged, and this needs it")
            if reached < part:
                return Blocked(name, _why(outcome, reached, part))
        outline = self.subject.outline
        reads_model = "model" in planned.check.reads
        if outline is not None and outline.networks and reads_model and not planned.check.takes_networks:
            listed = ", ".join(f"`{name}`" for name in outline.networks)
            return Failed("a model of one network", f"{len(outline.networks)}: {listed}")
        for role in planned.check.reads:
            if role not in self.subject.files:
                hint = planned.check.how_to(role)
                return Failed(f"a file `{self.names[role]}` in the folder", "none", hint)
        return None

    def _judged(self, index: int, planned: Planned) -> Outcome:
        check = planned.check
        known = self.marker.reference.get(planned.name, Findings())
        brief = replace(self.marker.brief, found=known)
        task = check.prepare(brief, self.subject)
        found: Findings | Outcome = Findings()
        if isinstance(task, Task):
            refused = self.marker.limits.refuse(self.subject.outline, task)
            found = refused or self.opened.ask(index, task)
        elif task is not None:
            return task
        if not isinstance(found, Findings):
            return found
        if planned.type == "valid":
            self.subject = replace(self.subject, outline=outline_of(found))
        return check.judge(brief, self.subject, found, known)


def _why(outcome: Outcome, reached: float, part: float) -> str:
    if isinstance(outcome, Blocked):
        return "it could not be judged either"
    if part < 1:
        return f"it reached {reached:.0%} of its points, and {part:.0%} are needed"
    return "it did not pass"
