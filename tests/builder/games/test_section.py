"""The section ``adversarial``: its defaults, its short forms, and everything wrong with it at once."""

from __future__ import annotations

from builder.errors import Report, SpecError
from builder.games.section import Adversarial, Conditional, Noise
from builder.language.nodes import Mapping
from builder.language.source import read_text
from builder.reader import Reader


def _read(text: str) -> tuple[Adversarial | None, tuple[SpecError, ...]]:
    report = Report()
    root = read_text(f"adversarial: {text}").root
    assert isinstance(root, Mapping)
    made = Reader(report, {}).component(Adversarial, root.entries["adversarial"], root.keys["adversarial"])
    return made, report.errors


def test_what_is_left_out_has_its_default() -> None:
    made, errors = _read("{objective: Hinge, optimizer: {generator: Adam, discriminator: {SGD: {lr: 0.1}}}}")
    assert errors == () and made is not None
    assert (made.generator, made.discriminator, made.discriminator_steps) == ("generator", "discriminator", 1)
    assert made.noise == Noise(distribution="normal", size=None)
    assert (made.penalty, made.conditional, made.ema, made.instance_noise) == (None, None, None, None)
    assert type(made.optimizer.discriminator).__name__ == "SGD"


def test_short_forms_stand_for_the_field_that_matters() -> None:
    optimizer = "optimizer: {generator: Adam, discriminator: Adam}"
    made, errors = _read(f"{{objective: Hinge, noise: [100, 1, 1], conditional: embed, {optimizer}}}")
    assert errors == () and made is not None
    assert made.noise.size == (100, 1, 1)
    assert made.conditional == Conditional(label="embed", size=16)


def test_all_of_it_is_looked_at() -> None:
    _, errors = _read(
        "{objective: Hing, noise: {size: 0}, penalty: R2, ema: 1.5, conditional: sum, optimizer: {generator: Adam}}"
    )
    assert [error.path.removeprefix("adversarial.") for error in errors] == [
        "objective", "noise.size", "penalty", "ema", "conditional", "optimizer",
    ]  # fmt: skip
    assert errors[0].hint == "Did you mean `Hinge`?"
