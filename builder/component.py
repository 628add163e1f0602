"""What a component is, and where components are found.

A component is a frozen pydantic model: its fields are the configuration, its docstring is the manual page,
its examples are tests and documentation at once. A folder's listing is the registry: the names are the
``@final`` classes in the text of its files, and a file is imported when a spec names one of them.
"""

import importlib
import inspect
import re
from abc import ABC
from collections.abc import Iterator
from collections.abc import Mapping as MappingABC
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, NamedTuple, TypeVar, final, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import core_schema

from builder.errors import Cause, did_you_mean, nearest
from builder.language.later import later
from builder.shapes import Size, TensorType


class Accepted(NamedTuple):
    """An example that is right: the YAML behind the type's name, and what arrives (a shape: of reals)."""

    text: str
    on: tuple[tuple[Size, ...] | TensorType, ...] = ()


class Rejected(NamedTuple):
    """An example that is wrong, and the exact problem it must give."""

    text: str
    problem: str
    on: tuple[tuple[Size, ...] | TensorType, ...] = ()


class Component(BaseModel, ABC):
    """The root of everything a spec can name. A subclass is abstract or ``@final``.

    ``main`` is the field that a short form fills (``Linear: 120``). ``refused`` holds arguments that PyTorch
    has and a spec may not set, each with the reason. ``section_key`` is the YAML key of a section
    (``train``), which stands in a spec without its class's name. ``gathers`` is the field that takes a whole
    mapping, where an author writes names of his own (`answers: {q1: …}`). ``chooses`` is the field, a
    ``Choice``, whose component stands under its own name among the other fields (`{PGD: {…}, clean_share:
    0.5}`). A validator over several fields raises ``Cause`` with the field.
    """

    # A family's models are built on first use: a spec that names one optimiser does not pay for eight.
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)

    main: ClassVar[str | None] = None
    section_key: ClassVar[str | None] = None
    gathers: ClassVar[str | None] = None
    chooses: ClassVar[str | None] = None
    refused: ClassVar[MappingABC[str, str]] = {}
    accepts: ClassVar[tuple[Accepted, ...]] = ()
    rejects: ClassVar[tuple[Rejected, ...]] = ()

    @classmethod
    def manual(cls) -> str:
        """The manual page: the class's docstring."""
        return inspect.cleandoc(cls.__doc__ or "")

    def plain(self) -> dict[str, Any]:
        """All fields as data that YAML can hold, defaults filled in; what is absent by default is not."""
        if self.gathers is not None:
            return {str(name): to_plain(value) for name, value in getattr(self, self.gathers).items()}
        chosen = {} if self.chooses is None else to_plain(getattr(self, self.chooses))
        return chosen | {
            name: to_plain(value)
            for name, info in type(self).model_fields.items()
            if name != self.chooses
            if (value := getattr(self, name)) is not None or info.default is not None
        }


def to_plain(value: object) -> Any:
    """A value as data that YAML can hold; a component becomes ``{Name: {…}}``, a section its fields."""
    if isinstance(value, Component):
        return value.plain() if value.section_key else {type(value).__name__: value.plain()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return value


C = TypeVar("C", bound=Component)
# A literal beginning, which is quick to look for: `^` would be tried at every character of every file.
_FINAL = re.compile(r"\n@final\nclass (\w+)\(")


class Catalogue(Generic[C]):
    """The components of one kind: those in the files of a package."""

    def __init__(self, kind: str, package: str, base: type[C]) -> None:
        self.kind: Final = kind
        self._package = package
        self._base = base

    @cached_property
    def _modules(self) -> dict[str, str]:
        """Each name's module, read from the files' text without importing any."""
        package = find_spec(self._package)
        assert package is not None and package.submodule_search_locations, (
            f"there is no package {self._package}"
        )
        files = sorted(Path(package.submodule_search_locations[0]).glob("*.py"))
        return {
            name: f"{self._package}.{file.stem}"
            for file in files
            for name in _FINAL.findall(file.read_text(encoding="utf-8"))
        }

    @property
    def later(self) -> frozenset[str]:
        """The names that the language has and this version does not build yet; read from a file."""
        return later(self.kind)

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __getitem__(self, name: str) -> type[C]:
        found = getattr(importlib.import_module(self._modules[name]), name)
        assert issubclass(found, self._base), f"{name} is no {self.kind}"
        return found  # type: ignore[no-any-return]

    def module_of(self, name: str) -> str:
        """The module that holds ``name``."""
        return self._modules[name]

    def get(self, name: str) -> type[C]:
        """The class called ``name``; raises ``Cause`` with the nearest name if there is none."""
        if name in self._modules:
            return self[name]
        if name in self.later:
            raise Cause(f"the {self.kind} `{name}` is not available yet")
        hint = did_you_mean(name, self._modules)
        if nearest(name, self._modules) is None and (close := nearest(name, self.later)):
            hint = f"`{close}` is part of the language but not available yet."
        raise Cause(f"there is no {self.kind} `{name}`", hint)


class _Mark:
    """What the reader makes of a field's node; pydantic is handed the finished value."""

    __slots__ = ()

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.any_schema()


@final
class Choice(_Mark):
    """Marks a field that names one component of a catalogue: ``Name`` or ``Name: {…}``."""

    __slots__ = ("catalogue",)

    def __init__(self, catalogue: Catalogue[Any]) -> None:
        self.catalogue: Final = catalogue


@final
class Choices(_Mark):
    """Marks a field that names several components of a catalogue, as a list."""

    __slots__ = ("catalogue",)

    def __init__(self, catalogue: Catalogue[Any]) -> None:
        self.catalogue: Final = catalogue


@final
class Named(_Mark):
    """Marks a field that holds a section under each name that the author chose."""

    __slots__ = ("section",)

    def __init__(self, section: type[Component]) -> None:
        self.section: Final = section


@final
class Section(_Mark):
    """Marks a field that holds a section whose module is imported once a spec writes it."""

    __slots__ = ("_module", "_name")

    def __init__(self, module: str, name: str) -> None:
        self._module: Final = module
        self._name: Final = name

    @property
    def cls(self) -> type[Component]:
        """The section's class."""
        found = getattr(importlib.import_module(self._module), self._name)
        assert issubclass(found, Component), f"{self._name} is no section"
        return found  # type: ignore[no-any-return]


def label_of(cls: type[Component]) -> str:
    """How messages call it: its key (``train``), or its class's name."""
    return cls.section_key or cls.__name__


def choice_of(cls: type[Component], field: str) -> Choice:
    """The mark of a field that names one component."""
    return next(mark for mark in cls.model_fields[field].metadata if isinstance(mark, Choice))


def section_of(field: FieldInfo) -> type[Component] | None:
    """The section that a field holds, if it holds one: ``Split``, ``Split | None`` or a marked one."""
    for mark in field.metadata:
        if isinstance(mark, Section):
            return mark.cls
    for kind in (field.annotation, *get_args(field.annotation)):
        if inspect.isclass(kind) and issubclass(kind, Component):
            return kind
    return None
