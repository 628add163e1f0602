"""The section ``train`` of two players: what it takes, and what it says of the words of the other one."""

from __future__ import annotations

from builder.errors import Report, SpecError
from builder.games.training import Game
from builder.language.nodes import Mapping
from builder.language.source import read_text
from builder.reader import Reader


def _read(text: str) -> tuple[Game | None, tuple[SpecError, ...]]:
    report = Report()
    root = read_text(f"train: {text}").root
    assert isinstance(root, Mapping)
    return Reader(report, {}).component(Game, root.entries["train"], root.keys["train"]), report.errors


def test_only_epochs_must_be_said() -> None:
    made, errors = _read("{epochs: 3}")
    assert errors == () and made is not None
    assert (made.metrics, made.measure_every, made.samples, made.grid, made.seed) == ((), 1, 1000, 64, 0)
    assert _read("{}")[1][0].problem == "`train` needs `epochs`"


def test_losses_and_optimisers_are_the_players() -> None:
    _, errors = _read("{epochs: 3, loss: MSELoss, optimizer: Adam, precision: bfloat16}")
    assert [error.problem for error in errors] == [
        "`train` does not take `loss` here",
        "`train` does not take `optimizer` here",
        "the field `precision` of `train` is not available yet",
    ]
    assert all(error.hint and "`adversarial:" in error.hint for error in errors[:2])


def test_each_measure_stands_there_once() -> None:
    _, errors = _read("{epochs: 1, metrics: [modes, {modes: {within: 4}}]}")
    assert [error.problem for error in errors] == ["the measure `modes` stands here twice"]


def test_no_more_than_can_be_drawn_and_measured() -> None:
    assert _read("{epochs: 1, grid: 10000, samples: 1000000}")[1] == ()
    for field, most in (("grid", 10_000), ("samples", 1_000_000)):
        _, errors = _read(f"{{epochs: 1, {field}: {most + 1}}}")
        assert [error.problem for error in errors] == [f"`{field}` is at most {most}, found {most + 1}"]
