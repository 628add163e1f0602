"""The sections of an assignment: its own keys, the submission's files, what is allowed, a check's terms."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal, final

from pydantic import model_validator

from builder.cells.shipped import shipped
from builder.component import Accepted, Component, Rejected
from builder.data.section import Data
from builder.errors import Cause, did_you_mean
from builder.fields import Flag, Natural, NonNegative, Positive, Probability, Text
from builder.language.nodes import describe
from builder.layers.layer import layers
from builder.spec.written import LANGUAGE_VERSION
from builder.training.section import Train
from grader.exchange import ROLES, Allow, Role

Reveal = Literal["nothing", "direction", "expected", "after_due"]
Visibility = Literal["visible", "hidden", "after_due", "after_published"]


@final
class SubmittedFiles(Component):
    """The names of the files in a student's folder, by role; beneath the folder, never above it."""

    section_key: ClassVar[str | None] = "submission"
    accepts = (Accepted("{model: model.yaml, weights: weights.safetensors}"),)
    rejects = (
        Rejected("{model: ../model.yaml}", "`../model.yaml` leaves the student's folder"),
        Rejected("{model: a.yaml, answers: a.yaml}", "`a.yaml` has two roles"),
        Rejected("{modle: model.yaml}", "`submission` has no field `modle`"),
    )

    model: Text | None = "model.yaml"
    weights: Text | None = None
    answers: Text | None = None
    gradients: Text | None = None

    @model_validator(mode="after")
    def _inside(self) -> SubmittedFiles:
        seen: set[str] = set()
        for role, name in self.names.items():
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
                raise Cause(f"`{name}` leaves the student's folder", field=role)
            if name in seen:
                raise Cause(f"`{name}` has two roles", field=role)
            seen.add(name)
        return self

    @property
    def names(self) -> dict[Role, str]:
        """The file of each role that has one."""
        return {role: name for role in ROLES if (name := getattr(self, role)) is not None}


@final
class Allowed(Component):
    """What a submission may use.

    `layers` are the layer types of torch and of the shipped library; blocks, and cells that the student
    writes, are always allowed, whatever their names.
    """

    section_key: ClassVar[str | None] = "allow"
    accepts = (Accepted("{layers: [Conv2d, Linear], literal_numbers: 50}"),)
    rejects = (
        Rejected("{layers: [Conv2D]}", "there is no layer type `Conv2D`"),
        Rejected("{layers: Conv2d}", 'expected a list of layer types, found the text "Conv2d"'),
        Rejected("{library: []}", "the field `library` of `allow` is not available yet"),
    )

    layers: Any = None
    literal_numbers: Natural | None = None

    def allow(self) -> Allow:
        """What this comes to."""
        return Allow(None if self.layers is None else tuple(self.layers), self.literal_numbers)

    @model_validator(mode="after")
    def _known_layers(self) -> Allowed:
        if self.layers is None:
            return self
        if not isinstance(self.layers, list | tuple):
            raise Cause(f"expected a list of layer types, found {describe(self.layers)}", field="layers")
        for index, name in enumerate(self.layers):
            if name not in layers and name not in layers.later and name not in shipped():
                hint = did_you_mean(str(name), [*layers, *shipped()])
                raise Cause(f"there is no layer type `{name}`", hint, field=f"layers.{index}")
        return self


@final
class Terms(Component):
    """What every check in an assignment may carry beside its type.

    ``needs`` names checks that must come before it, each with the part of its points that must have been
    reached (1 where only a name is given). Below ``passing`` (in YAML `pass`, a word of Python's own) of its
    points a check gives none. A ``bonus`` does not count towards the sum. ``reveal`` says what a student sees
    of a failure; absent: what was expected, or, for a check he does not see at once, only the direction.
    """

    section_key: ClassVar[str | None] = "a check"
    accepts = (
        Accepted("{name: clean, points: 30, needs: {size: 0.9}, passing: 0.5, visibility: hidden}"),
        Accepted("{points: 5, needs: size, bonus: true, hint: Count the biases too.}"),
    )
    rejects = (
        Rejected("{points: -1}", "expected a real number of at least 0, found -1"),
        Rejected("{points: 1, needs: {size: 2}}", "`size: 2` is no part of its points"),
        Rejected("{points: 1, needs: 3}", "expected a name, a list of names or `{name: part}`, found 3"),
    )

    name: Text | None = None
    points: NonNegative = 0.0
    needs: Any = ()
    bonus: Flag = False
    hint: Text | None = None
    visibility: Visibility = "visible"
    reveal: Reveal | None = None
    passing: Probability = 0.0

    @model_validator(mode="after")
    def _needs(self) -> Terms:
        self.needed()
        return self

    def needed(self) -> dict[str, float]:
        """The checks that must come before, each with the part of its points that it must reach."""
        match self.needs:
            case str(name):
                return {name: 1.0}
            case list() | tuple() as names if all(isinstance(name, str) for name in names):
                return dict.fromkeys(names, 1.0)
            case dict() as parts:
                for name, part in parts.items():
                    if isinstance(part, bool) or not isinstance(part, int | float) or not 0 < part <= 1:
                        raise Cause(
                            f"`{name}: {part}` is no part of its points",
                            "A part is a number above 0 and at most 1.",
                            field="needs",
                        )
                return {str(name): float(part) for name, part in parts.items()}
        raise Cause(
            f"expected a name, a list of names or `{{name: part}}`, found {describe(self.needs)}",
            field="needs",
        )


@final
class Reference(Component):
    """The instructor's solution: its model, and what else of a submission it has."""

    section_key: ClassVar[str | None] = "reference"
    main: ClassVar[str | None] = "model"
    accepts = (Accepted("reference.yaml"), Accepted("{model: ref/model.yaml, weights: ref/w.safetensors}"))
    rejects = (Rejected("{weights: w.safetensors}", "`reference` needs `model`"),)

    model: Text
    weights: Text | None = None
    answers: Text | None = None
    gradients: Text | None = None

    @property
    def names(self) -> dict[Role, str]:
        """The file of each role that has one."""
        return {role: name for role in ROLES if (name := getattr(self, role)) is not None}


@final
class Head(Component):
    """An assignment's own keys, its checks aside."""

    section_key: ClassVar[str | None] = "an assignment"
    accepts = (Accepted("{assignment: lenet, reference: reference.yaml, points: 100}"),)
    rejects = (
        Rejected("{points: 100}", "`an assignment` needs `assignment`"),
        Rejected(
            "{assignment: a, points: 1, due: soon}", "the field `due` of `an assignment` is not available yet"
        ),
    )

    gradspec: Natural = LANGUAGE_VERSION
    assignment: Text
    title: Text | None = None
    instructions: Text | None = None
    starter: Text | None = None
    reference: Reference | None = None
    submission: SubmittedFiles = SubmittedFiles()
    allow: Allowed = Allowed()
    points: Positive
    data: Data | None = None
    train: Train | None = None

    @model_validator(mode="after")
    def _version(self) -> Head:
        if self.gradspec != LANGUAGE_VERSION:
            raise Cause(
                f"expected the language version {LANGUAGE_VERSION}, found {self.gradspec}", field="gradspec"
            )
        return self
