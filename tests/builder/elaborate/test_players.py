"""What is said of two players that is no error; the errors are in tests/messages (gan_*.yaml)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builder import SpecErrors, loads

TEXT = """\
networks:
  generator:
    input: [4]
    layers: [{Linear: 64}, {Unflatten: {dim: 1, unflattened_size: [1, 8, 8]}}, END]
  discriminator:
    input: [1, 8, 8]
    layers: [{Conv2d: {out_channels: 4, kernel_size: 3, bias: false}}, NORM, ReLU, Flatten, {Linear: 1}]
adversarial:
  objective: OBJECTIVE
  penalty: PENALTY
  optimizer: {generator: Adam, discriminator: Adam}
data: {source: Digits, preprocess: [STEP]}
"""
RIGHT = {
    "END": "Sigmoid",
    "NORM": "Identity",
    "OBJECTIVE": "Hinge",
    "PENALTY": "null",
    "STEP": "Rescale: [0, 1]",
}


def _text(**changed: str) -> str:
    text = TEXT
    for word, value in (RIGHT | changed).items():
        text = text.replace(word, value)
    return text


def _advice(**changed: str) -> list[str]:
    return [one.problem for one in loads(_text(**changed)).advice]


def _problems(text: str, folder: Path | None = None) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        loads(text, folder=folder)
    return [error.problem for error in caught.value.errors]


def test_nothing_is_said_of_what_is_right() -> None:
    assert _advice() == []
    assert _advice(END="Tanh", STEP="Rescale: [-1, 1]") == []
    assert _advice(END="Identity", STEP="Standardize") == []
    assert _advice(PENALTY="{GradientPenalty: {weight: 10}}", NORM="LayerNorm") == []
    assert _advice(PENALTY="{WeightClip: 0.01}", NORM="BatchNorm2d") == []
    assert _advice(OBJECTIVE="Wasserstein", PENALTY="GradientPenalty") == []


@pytest.mark.parametrize("penalty", ["GradientPenalty", "R1"])
def test_a_penalty_of_each_example_and_norms_of_the_batch(penalty: str) -> None:
    (advice,) = loads(_text(PENALTY=penalty, NORM="BatchNorm2d")).advice
    assert advice.problem == (
        f"`{penalty}` is about the gradient at each example alone, and with `BatchNorm2d` it depends "
        "on the whole batch"
    )
    assert advice.hint is not None and "`LayerNorm` or `InstanceNorm2d`" in advice.hint
    assert advice.path == "networks.discriminator.layers[1]"


@pytest.mark.parametrize(
    ("end", "step", "said"),
    [
        ("Tanh", "Rescale: [0, 1]", "`Tanh` gives values in [-1, 1], and the data lies in [0, 1]"),
        ("Sigmoid", "Rescale: [-1, 1]", "`Sigmoid` gives values in [0, 1], and the data lies in [-1, 1]"),
        ("Hardtanh", "Rescale: [0, 1]", "`Hardtanh` gives values in [-1, 1], and the data lies in [0, 1]"),
        ("Softsign", "Rescale: [0, 1]", "`Softsign` gives values in [-1, 1], and the data lies in [0, 1]"),
        ("Tanh, Identity", "Standardize", "`Tanh` gives values in [-1, 1], and the data is not bounded"),
    ],
)
def test_the_generators_range_and_the_datas(end: str, step: str, said: str) -> None:
    assert _advice(END=end, STEP=step) == [said]


def test_bounds_of_ones_own() -> None:
    assert _advice(END="Hardtanh: {min_val: 0, max_val: 1}") == []


def test_a_wasserstein_distance_needs_a_bounded_slope() -> None:
    (said,) = _advice(OBJECTIVE="Wasserstein")
    assert said.startswith("`Wasserstein` measures a distance only while")


def test_what_is_advised_of_one_network_is_advised_of_each() -> None:
    (said,) = _advice(
        END="Flatten, {Linear: 64}, {Linear: 64}, {Unflatten: {dim: 1, unflattened_size: [1, 8, 8]}}"
    )
    assert said == "`linear_2` and `linear_3` have nothing between them: together they are one"


def test_a_map_of_logits_is_right() -> None:
    text = _text().replace("Flatten, {Linear: 1}", "{Conv2d: {out_channels: 1, kernel_size: 3}}")
    assert loads(text).networks["discriminator"].graph.output_types["output"].shape == (1, 4, 4)


def test_without_data_or_training_it_is_a_spec_all_the_same() -> None:
    text = _text(END="Tanh")
    spec = loads(text[: text.index("data:")])
    assert spec.data is None and spec.game is None and spec.advice == ()


def test_conditional_needs_classes(tmp_path: Path) -> None:
    np.savez(tmp_path / "reals.npz", x=np.zeros((40, 8, 8, 1), np.uint8), y=np.zeros((40, 2), np.float32))
    text = _text().replace("  optimizer", "  conditional: embed\n  optimizer")
    text = text.replace("Digits", "{NPZ: {path: reals.npz, layout: NHWC}}")
    assert _problems(text, tmp_path) == [
        "`conditional` tells both players the class, and the data has none: its targets are N×2 reals"
    ]


def test_spectral_norm_bounds_the_slope() -> None:
    text = _text(OBJECTIVE="Wasserstein").replace("{Linear: 1}]", "{norm: spectral, Linear: 1}]")
    assert loads(text).advice == ()


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("ReLU", "no logit below 0"),
        ("Softplus", "no logit below 0"),
        ("Tanh", "no logit beyond −1 and 1"),
        ("Hardtanh", "no logit beyond −1 and 1"),
        ("LeakyReLU", None),
        ("Identity", None),
    ],
)
def test_a_logit_may_be_any_number(end: str, said: str | None) -> None:
    text = _text().replace("{Linear: 1}]", f"{{Linear: 1}}, {end}]")
    found = [f"`discriminator` ends in `{end}`: it can give {said}"] if said is not None else []
    assert [one.problem for one in loads(text).advice] == found


@pytest.mark.parametrize(
    "end", ["Sigmoid: {}", "Hardsigmoid: {}", "Hardtanh: {min_val: 0, max_val: 1}", "LogSoftmax: 1"]
)
def test_probabilities_are_no_logits(end: str) -> None:
    text = _text().replace("{Linear: 1}]", f"{{Linear: 1}}, {{{end}}}]")
    name = end.partition(":")[0]
    assert _problems(text) == [
        f"`discriminator` ends in `{name}`, and `Hinge` reads logits, not probabilities"
    ]


def test_two_logits_are_an_error_of_their_layer_though_project_adds_to_them() -> None:
    text = _text().replace("{Linear: 1}]", "{Linear: 2}]").replace("Hinge", "Hinge\n  conditional: project")
    with pytest.raises(SpecErrors) as caught:
        loads(text)
    assert caught.value.errors[0].path == "networks.discriminator.layers[4]"
