"""An assignment as it was read: what is asked, and what each check is worth.

Everything wrong in the file is reported together, each at its place, as a spec's errors are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

from builder.data.info import DataInfo
from builder.data.section import Data
from builder.errors import Cause, Place, Report, did_you_mean
from builder.language.nodes import Mapping, Node, Scalar, Sequence, describe
from builder.language.source import read_file
from builder.reader import Reader, place_of, place_within
from builder.training.section import Train
from grader.assignment.sections import Head, Reference, Reveal, Terms, Visibility
from grader.check import Check, checks
from grader.exchange import Allow, Role

_PASS: Final = "pass"
_TERMS: Final = tuple(_PASS if name == "passing" else name for name in Terms.model_fields)


@dataclass(frozen=True, slots=True)
class Planned:
    """One check of an assignment: what it holds, and what it is worth. ``listed``: it stands in the file."""

    name: str
    check: Check
    points: float
    needs: dict[str, float]
    passing: float
    bonus: bool
    hint: str | None
    visibility: Visibility
    reveal: Reveal
    place: Place
    listed: bool = True

    @property
    def type(self) -> str:
        """The check's type, as an assignment names it."""
        return type(self.check).__name__


@dataclass(frozen=True, slots=True)
class Assignment:
    """An assignment that was read.

    ``checks`` stand as in the file, ``valid`` first where it is not listed and one of them reads the model.
    ``order`` has all that run, each after those it needs; the reference is always held to ``valid``.
    """

    file: Path
    name: str
    title: str
    reference: dict[Role, str]
    submission: dict[Role, str]
    allow: Allow
    points: float
    data: Data | None
    train: Train | None
    checks: tuple[Planned, ...]
    order: tuple[Planned, ...]
    starter: Path | None = None
    instructions: Path | None = None

    @property
    def folder(self) -> Path:
        """What its paths are relative to."""
        return self.file.parent


def read_assignment(path: Path, *, released: bool = False) -> Assignment:
    """Reads an assignment from a file.

    A ``released`` one is a student's: reference and data may be missing, for they never leave the instructor.
    Raises ``SpecErrors`` with everything that is wrong, and ``OSError`` if the file cannot be read.
    """
    report = Report()
    document = read_file(path)
    for place in document.holes:
        report.error(place, "an assignment has no places to fill", "Write the value instead of `???`.")
    root = document.root
    if not isinstance(root, Mapping) or "assignment" not in root.entries:
        report.error(
            root.place,
            "this is no assignment: it has no key `assignment`",
            "An assignment starts with `assignment: NAME`, `reference`, `points` and `checks`.",
        )
        report.raise_errors()
    assert isinstance(root, Mapping)
    found = _AssignmentReader(path, root, report, released).read()
    report.raise_errors()
    assert found is not None, "an assignment without errors has all its parts"
    return found


class _AssignmentReader:
    """Reads the parts of one assignment and holds them against each other."""

    def __init__(self, path: Path, root: Mapping, report: Report, released: bool) -> None:
        self.path = path
        self.root = root
        self.report = report
        self.reader = Reader(report, {})
        self.released = released
        self.info: DataInfo | None = None  # of the data; None where it is missing or wrong
        self.written: dict[Place, Node] = {}  # the fields of the check that stands there

    def read(self) -> Assignment | None:
        own: dict[str | int, Node] = {key: node for key, node in self.root.entries.items() if key != "checks"}
        head = self.reader.component(Head, Mapping(own, self.root.keys, self.root.place), self.root.place)
        plan = self._checks(self.root.get("checks"))
        if head is None:
            return None
        if head.reference is not None and not self.released:
            for role, name in head.reference.names.items():
                self._file(name, self._inner("reference", role))
        for key in ("starter", "instructions"):
            if (name := getattr(head, key)) is not None:
                self._file(name, self.root.entries[key].place)
        self._data(head.data)
        for planned in plan:
            self._possible(planned, head)
            if planned.check.needs_accuracy:
                self._needs_accuracy(planned, plan)
        self._sum(plan, head.points)
        order = self._order(plan)
        reads_model = any("model" in planned.check.reads for planned in plan if planned.listed)
        return Assignment(
            file=self.path,
            name=head.assignment,
            title=head.title or head.assignment,
            reference=head.reference.names if head.reference else {},
            submission=head.submission.names,
            allow=head.allow.allow(),
            points=head.points,
            data=head.data,
            train=head.train,
            checks=tuple(planned for planned in plan if planned.listed or reads_model),
            order=order,
            starter=self.path.parent / head.starter if head.starter else None,
            instructions=self.path.parent / head.instructions if head.instructions else None,
        )

    def _inner(self, section: str, key: str) -> Place:
        node = self.root.entries[section]
        entries = {str(k): v for k, v in node.entries.items()} if isinstance(node, Mapping) else {}
        return place_of(entries, key, node.place)

    def _file(self, name: str, place: Place) -> None:
        folder = self.path.parent.resolve()
        path = (folder / name).resolve()
        if not path.is_relative_to(folder):
            self.report.error(place, f"`{name}` leaves the assignment's folder", "Put the file beside it.")
        elif not path.is_file():
            self.report.error(place, f"there is no file `{name}` in the assignment's folder")

    def _data(self, data: Data | None) -> None:
        node = self.root.get("data")
        if data is None or node is None or self.released:
            return
        try:
            self.info = data.describe(self.path.parent)
        except Cause as cause:
            entries = {str(k): v for k, v in node.entries.items()} if isinstance(node, Mapping) else {}
            self.report.error(place_of(entries, cause.field, node.place), cause.problem, cause.hint)

    def _checks(self, node: Node | None) -> tuple[Planned, ...]:
        if not isinstance(node, Sequence) or not node.items:
            found = "nothing" if node is None else describe(node)
            place = self.root.place if node is None else node.place
            hint = "As in `- {shapes: {layers: changing}, points: 20}`."
            self.report.error(place, f"expected `checks`, a list of at least one check, found {found}", hint)
            return ()
        plan = [planned for item in node.items if (planned := self._check(item)) is not None]
        if not any(planned.type == "valid" for planned in plan):
            implicit = checks.get("valid").model_validate({})
            plan.insert(0, replace(_planned(implicit, Terms(), node.place), listed=False))
        seen: dict[str, Place] = {}
        for planned in plan:
            if planned.name in seen:
                self.report.error(
                    planned.place,
                    f"two checks are called `{planned.name}`",
                    "Give one of them a `name` of its own.",
                )
            seen[planned.name] = planned.place
        return tuple(plan)

    def _check(self, item: Node) -> Planned | None:
        if isinstance(item, Scalar) and isinstance(item.value, str):
            item = Mapping(
                {item.value: Scalar(None, "", False, item.place)}, {item.value: item.place}, item.place
            )
        if not isinstance(item, Mapping):
            self.report.error(item.place, f"expected a check, found {describe(item)}")
            return None
        kind = self._kind(item)
        entries: dict[str | int, Node] = {
            "passing" if k == _PASS else k: v for k, v in item.entries.items() if k in _TERMS
        }
        keys: dict[str | int, Place] = {"passing" if k == _PASS else k: p for k, p in item.keys.items()}
        terms = self.reader.component(Terms, Mapping(entries, keys, item.place), item.place)
        if kind is None:
            return None
        check = self.reader.component(checks[kind], item.entries[kind], item.keys[kind])
        self.written[item.place] = item.entries[kind]
        parts = check.parts if check is not None else None
        if parts is not None and terms is not None and not math.isclose(parts, terms.points):
            self.report.error(
                item.keys[kind],
                f"the points of its questions sum to {parts:g}, and the check has {terms.points:g}",
            )
        return _planned(check, terms, item.place) if check is not None and terms is not None else None

    def _kind(self, item: Mapping) -> str | None:
        """The one key that is a check's type; every other key that is none of the terms is an error."""
        others = [str(key) for key in item.entries if key not in _TERMS]
        known = [key for key in others if key in checks or key in checks.later]
        if not others:
            self.report.error(item.place, "a check needs its type", did_you_mean("", checks))
            return None
        if len(known) > 1:
            both = " and ".join(f"`{key}`" for key in known)
            self.report.error(item.keys[known[1]], f"a check has one type, found {both}", "Write two checks.")
        strange = [key for key in others if key not in known]
        if not known and len(strange) == 1:
            known = strange
        for key in strange:
            if key not in known:
                self.report.error(
                    item.keys[key], f"a check has no key `{key}`", did_you_mean(key, [*_TERMS, *checks])
                )
        try:
            checks.get(known[0] if known else strange[0])
        except Cause as cause:
            if known:
                self.report.error(item.keys[known[0]], cause.problem, cause.hint)
            return None
        return known[0] if len(known) == 1 else None

    def _possible(self, planned: Planned, head: Head) -> None:
        """Whether the assignment has what a check needs."""
        names = head.submission.names
        for role in planned.check.reads:
            if role not in names and planned.listed:
                self.report.error(
                    planned.place,
                    f"`{planned.name}` reads the student's {role}, and `submission` names no such file",
                    f"Add `{role}: …` to `submission`.",
                )
        if self.released:
            return
        if planned.check.needs_reference and head.reference is None:
            self.report.error(
                planned.place, f"`{planned.name}` is judged against a reference, and there is none"
            )
        if planned.check.needs_examples and "data" not in self.root.entries:
            self.report.error(
                planned.place, f"`{planned.name}` is judged on data, and the assignment has none"
            )
        self._suits(planned, head.data)
        missing = [role for role in planned.check.reference_needs if role not in _names(head.reference)]
        if head.reference is not None and missing:
            self.report.error(
                planned.place,
                f"`{planned.name}` needs the reference's {missing[0]}, and `reference` names no such file",
                f"As in `reference: {{model: {head.reference.model}, {missing[0]}: …}}`.",
            )
        if planned.check.needs_training and not self._has_test_part(head):
            self.report.error(
                planned.place,
                f"`{planned.name}` reads the training part, and the assignment's data has no test part beside it",
                "Give `data` a `split` with `test`, or a source that has one: without it all examples are unseen.",
            )
        if planned.check.needs_train and head.train is None and "train" not in self.root.entries:
            self.report.error(
                planned.place,
                f"`{planned.name}` trains here, and the assignment has no `train`",
                "As in `train: {loss: CrossEntropyLoss, optimizer: Adam, epochs: 1}`.",
            )

    def _suits(self, planned: Planned, data: Data | None) -> None:
        """Whether the check can be asked on the data, where there is any without an error."""
        if data is None or self.info is None or not planned.listed:
            return
        try:
            planned.check.suits(data, self.path.parent)
        except Cause as cause:
            place = place_within(self.written[planned.place], cause.field) if cause.field else planned.place
            self.report.error(place, cause.problem, cause.hint)

    def _has_test_part(self, head: Head) -> bool:
        if head.data is None or self.info is None:
            return head.data is not None  # what is wrong with the data is said already
        return bool(self.info.test_examples or (head.data.split is not None and head.data.split.test))

    def _needs_accuracy(self, planned: Planned, plan: tuple[Planned, ...]) -> None:
        """A network that has learned nothing must get nothing: an accuracy above guessing comes first."""
        held = [(p, planned.needs[p.name]) for p in plan if p.name in planned.needs and p.type == "accuracy"]
        if not held:
            self.report.error(
                planned.place,
                f"`{planned.name}` could be passed by a network that has learned nothing",
                "Let it need an accuracy: `needs: {clean: 0.5}`, for the check called `clean`.",
            )
        for planned_accuracy, part in held:
            guessed = self._guessed(planned_accuracy, part)
            if guessed is not None:
                self.report.error(
                    planned.place,
                    f"`{planned_accuracy.name}: {part:g}` is an accuracy of {guessed[0]:.3g}, and guessing one of "
                    f"{guessed[1]} classes reaches {1 / guessed[1]:.3g}",
                    f"`{planned.name}` could be passed by a network that has learned nothing: ask for more.",
                )

    def _guessed(self, planned: Planned, part: float) -> tuple[float, int] | None:
        """The accuracy that is asked for and the number of classes, where guessing might reach it."""
        fields = planned.check.plain()
        if self.info is None or "accuracy" not in fields["metric"]:
            return None
        classes = self.info.target.classes
        least = fields["zero"] + part * (fields["full"] - fields["zero"])
        return (least, classes) if classes is not None and least <= 1.5 / classes else None

    def _sum(self, plan: tuple[Planned, ...], points: float) -> None:
        total = math.fsum(planned.points for planned in plan if not planned.bonus)
        if not self.report.errors and not math.isclose(total, points):
            self.report.error(
                self.root.entries["points"].place,
                f"`points` is {points:g}, and the checks' points sum to {total:g}",
                "A check with `bonus: true` does not count.",
            )

    def _order(self, plan: tuple[Planned, ...]) -> tuple[Planned, ...]:
        by_name = {planned.name: planned for planned in plan}
        graph: dict[str, list[str]] = {}
        for planned in plan:
            graph[planned.name] = []
            for name in planned.needs:
                if name in by_name:
                    graph[planned.name].append(name)
                else:
                    hint = did_you_mean(name, [n for n in by_name if n != planned.name])
                    self.report.error(
                        planned.place, f"`{planned.name}` needs `{name}`, and there is no such check", hint
                    )
        first = [planned.name for planned in plan if planned.type == "valid"]
        for name in graph.keys() - set(first):
            graph[name].extend(first)
        try:
            names = tuple(TopologicalSorter(graph).static_order())
        except CycleError as error:
            loop: list[str] = error.args[1]
            self.report.error(
                by_name[loop[0]].place, f"checks need each other in a circle: {' → '.join(loop)}"
            )
            return plan
        return tuple(by_name[name] for name in names)


def _names(reference: Reference | None) -> dict[Role, str]:
    return {} if reference is None else reference.names


def _planned(check: Check, terms: Terms, place: Place) -> Planned:
    hidden = terms.visibility != "visible"
    return Planned(
        name=terms.name or type(check).__name__,
        check=check,
        points=terms.points,
        needs=terms.needed(),
        passing=terms.passing,
        bonus=terms.bonus,
        hint=terms.hint,
        visibility=terms.visibility,
        reveal=terms.reveal or ("direction" if hidden else "expected"),
        place=place,
    )
