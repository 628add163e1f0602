"""Components from YAML: what is read, and where each thing that is wrong is reported."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal, final

import pytest
from pydantic import model_validator

from builder.component import Accepted, Catalogue, Choice, Choices, Component
from builder.errors import Cause, Place, Report
from builder.fields import Count, Flag, NaturalOrPair, Positive, Text
from builder.language.nodes import Mapping
from builder.language.source import read_text
from builder.layers.layer import Layer, layers
from builder.reader import Reader, Unknown, Unresolved


@pytest.fixture(autouse=True)
def _names_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"Section": frozenset({"speed"}), "layer type": frozenset({"Conv9d", "WaveletTransform"})}
    monkeypatch.setattr("builder.language.later._names", lambda: names)


@final
class Section(Component):
    """A section of a spec."""

    main: ClassVar[str | None] = "size"
    section_key: ClassVar[str | None] = "section"
    refused: ClassVar[dict[str, str]] = {"device": "It is said elsewhere."}
    accepts = (Accepted("{size: 3}"),)

    size: Count
    padding: Literal["same", "valid"] | NaturalOrPair = 0
    rate: Positive = 1.0
    label_text: Text | None = None
    flag: Flag = True
    first: Annotated[Layer | None, Choice(layers)] = None
    others: Annotated[tuple[Layer, ...], Choices(layers)] = ()

    @model_validator(mode="after")
    def _even(self) -> Section:
        if self.size == 13:
            raise Cause("13 brings bad luck", "Take 12.", field="size")
        return self


@final
class Bare(Component):
    """A component without fields."""


def read(
    text: str, cls: type[Component] = Section, names: dict[str, object] | None = None
) -> tuple[Any, list[str]]:
    """The component under the only key of ``text``, and the errors."""
    report = Report()
    root = read_text(text, "f").root
    assert isinstance(root, Mapping)
    ((key, node),) = root.entries.items()
    found = Reader(report, names or {}).component(cls, node, root.keys[key])
    return found, [str(error) for error in report.errors]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("s: 3", {"size": 3}),
        ("s: {size: 3}", {"size": 3}),
        ("s: {size: 3, padding: same}", {"padding": "same"}),
        ("s: {size: 3, padding: [1, 2]}", {"padding": (1, 2)}),
        ("s: {size: 3, rate: 1/4}", {"rate": 0.25}),
        ("s: {size: $n}", {"size": 5}),
        ('s: {size: "$(minimum(n, 4))"}', {"size": 4}),
        ("s: {size: 3, padding: [$n, $(n + 1)]}", {"padding": (5, 6)}),
        ("s: {size: 3, label_text: '$ 5'}", {"label_text": "$ 5"}),
        ("s: {size: 3, label_text: ~}", {"label_text": None}),
        ("s: {size: 3, first: ~}", {"first": None}),
    ],
)
def test_reads(text: str, fields: dict[str, object]) -> None:
    found, errors = read(text, names={"n": 5})
    assert errors == []
    assert {name: getattr(found, name) for name in fields} == fields


def test_reads_choices() -> None:
    found, errors = read(
        "s: {size: 3, first: ReLU, others: [{Linear: 4}, {Linear: {out_features: 5}}, Flatten]}"
    )
    assert errors == []
    assert type(found.first).__name__ == "ReLU"
    assert [type(c).__name__ for c in found.others] == ["Linear", "Linear", "Flatten"]
    assert [c.out_features for c in found.others[:2]] == [4, 5]
    assert found.plain()["others"][0] == {"Linear": {"out_features": 4, "bias": True}}


def test_names_that_were_read_are_noted() -> None:
    report, used = Report(), set[str]()
    node = read_text("[$n, $(m * 2)]").root
    assert Reader(report, {"n": 1, "m": 2, "o": 3}, used).plain(node) == [1, 4]
    assert used == {"n", "m"}


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("s: {}", ["f:1:1: s: `section` needs `size` Hint: As in `section: {size: 3}`."]),
        ("s:", ["f:1:1: s: `section` needs `size` Hint: As in `section: {size: 3}`."]),
        (
            "s: {sise: 3}",
            ["f:1:5: s.sise: `section` has no field `sise` Hint: Did you mean `size`?"],
        ),
        (
            "s: {size: 3, speed: 1, device: cpu}",
            [
                "f:1:14: s.speed: the field `speed` of `section` is not available yet",
                "f:1:24: s.device: `section` does not take `device` here Hint: It is said elsewhere.",
            ],
        ),
        (
            's: {size: "3", rate: 0, flag: no, padding: sam}',
            [
                'f:1:11: s.size: expected a whole number of at least 1, found the text "3" '
                "Hint: Write 3 without quotes.",
                "f:1:22: s.rate: expected a real number above 0, found 0",
                'f:1:31: s.flag: expected true or false, found the text "no" Hint: Write false.',
                "f:1:44: s.padding: expected `same`, `valid` or a whole number of at least 0, or two of them, "
                'found the text "sam" Hint: Did you mean `same`?',
            ],
        ),
        ("s: 13", ["f:1:4: s: 13 brings bad luck Hint: Take 12."]),
        ("s: {size: 13}", ["f:1:11: s.size: 13 brings bad luck Hint: Take 12."]),
        ("s: {size: $m}", ["f:1:12: s.size: `$m` is not known here Hint: Known here: `n`."]),
        ("s: {size: '$m'}", ["f:1:13: s.size: `$m` is not known here Hint: Known here: `n`."]),
        ("s: {size: $(n - 5)}", ["f:1:11: s.size: expected a whole number of at least 1, found 0"]),
        (
            "s: {size: 3, first: Lineer, others: [Linear, {ReLU: 3}, [Tanh], {Tanh, ReLU}]}",
            [
                "f:1:21: s.first: there is no layer type `Lineer` Hint: Did you mean `Linear`?",
                "f:1:38: s.others[0]: `Linear` needs `out_features` Hint: As in `Linear: 10`.",
                "f:1:53: s.others[1].ReLU: `ReLU` takes no fields, found 3 Hint: Write `ReLU` alone.",
                "f:1:57: s.others[2]: expected a layer type as `Name` or `Name: {…}`, found a list",
                "f:1:65: s.others[3]: expected a layer type as `Name` or `Name: {…}`, found a mapping "
                "Hint: Each stands alone under its name.",
            ],
        ),
        (
            "s: {size: 3, others: ReLU}",
            ['f:1:22: s.others: expected a list, each item a layer type, found the text "ReLU"'],
        ),
    ],
)
def test_reports(text: str, errors: list[str]) -> None:
    found, reported = read(text, names={"n": 5})
    assert found is None
    assert reported == errors


def test_a_component_without_fields_says_so() -> None:
    assert read("s: 3", Bare) == (
        None,
        ["f:1:4: s: `Bare` takes no fields, found 3 Hint: Write `Bare` alone."],
    )


@pytest.mark.parametrize(
    "text", ["s: ???", "s: {size: ???}", "s: {size: 3, first: ???}", "s: {size: 3, others: [???]}"]
)
def test_a_hole_is_silent(text: str) -> None:
    assert read(text) == (None, [])


@pytest.mark.parametrize("text", ["s: $x", "s: {size: $(x * 2)}", "s: {size: 3, padding: [1, $x]}"])
def test_what_is_unresolved_is_silent(text: str) -> None:
    assert read(text, names={"x": Unresolved()}) == (None, [])


def test_all_of_a_list_is_reported_before_it_fails() -> None:
    report = Report()
    with pytest.raises(Unknown):
        Reader(report, {}).plain(read_text("[$a, 1, {k: $b}]").root)
    assert [e.problem for e in report.errors] == ["`$a` is not known here", "`$b` is not known here"]


@pytest.mark.parametrize("value", [3, 2.5, math.inf, "text", [1, [2]], {"a": None}])
def test_plain_values_stay_as_they_are(value: object) -> None:
    text = {str: repr, dict: str}.get(type(value), str)(value).replace("None", "null").replace("inf", ".inf")
    assert Reader(Report(), {}).plain(read_text(text.replace("'", '"')).root) == value


def test_a_catalogue_is_read_from_text_alone() -> None:
    assert "Conv2d" in layers and "Conv2D" not in layers
    assert list(layers) == list(dict.fromkeys(layers))
    assert isinstance(layers, Catalogue)
    assert layers.module_of("Conv2d") == "builder.layers.conv2d"
    assert layers["Conv2d"].__name__ == "Conv2d"


@pytest.mark.parametrize(
    ("name", "problem", "hint"),
    [
        ("Conv2D", "there is no layer type `Conv2D`", "Did you mean `Conv2d`?"),
        ("Conv9d", "the layer type `Conv9d` is not available yet", None),
        (
            "Wavelettransform",
            "there is no layer type `Wavelettransform`",
            "`WaveletTransform` is part of the language but not available yet.",
        ),
        ("Qqqqqq", "there is no layer type `Qqqqqq`", None),
    ],
)
def test_a_name_that_is_not_there(name: str, problem: str, hint: str | None) -> None:
    with pytest.raises(Cause) as caught:
        layers.get(name)
    assert (caught.value.problem, caught.value.hint) == (problem, hint)


def test_a_place_is_where_the_name_stands() -> None:
    report = Report()
    Reader(report, {}).component(Section, None, Place("f", 7, 9, "train"))
    assert [(e.line, e.column, e.path) for e in report.errors] == [(7, 9, "train")]
