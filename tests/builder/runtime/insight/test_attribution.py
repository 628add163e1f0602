"""What a decision rests on, held to captum called by hand on the same module, and to closed forms."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from builder import loads
from builder.attributions.attribution import attributions
from builder.errors import DataError, RunError
from builder.games.section import Adversarial
from builder.runtime import Run, build
from builder.runtime.data.preprocessing import Preprocessing
from builder.runtime.insight.attribution import (
    Example,
    Explanation,
    example_of_array,
    example_of_part,
    explain_prediction,
)

captum = pytest.importorskip("captum.attr")

IMAGE = """
input: [1, 8, 8]
layers: [{Conv2d: {out_channels: 4, kernel_size: 3}}, Tanh, {Conv2d: {out_channels: 4, kernel_size: 3}}, ReLU,
         {Conv2d: {out_channels: 5, kernel_size: 4}}, Flatten, {Linear: 10}]
data: {source: Digits, preprocess: [{Rescale: [-1, 1]}]}
"""
TOKENS = "input: {shape: [T], vocabulary: 9}\nlayers: [{Embedding: 4}, {LSTM: 6}, {Linear: 3}]\n"
SERIES = "input: [T, 2]\nlayers: [{GRU: {hidden_size: 6, output: last}}, {Linear: 1}]\n"


def made(text: str, preprocessing: Preprocessing | None = None) -> Run:
    """A run of an untrained network."""
    spec = loads(text)
    return Run(Path(), spec, build(spec, 0).eval(), preprocessing or Preprocessing(), (), {})


@pytest.fixture(scope="module")
def digits() -> Run:
    return made(IMAGE, Preprocessing(scale=(2.0,), shift=(-1.0,), classes=tuple("abcdefghij")))


def of(explanation: Explanation, method: str) -> Any:
    (found,) = [one for one in explanation.found if one.method == method]
    return found


def table(weights: list[list[float]], fitted: Preprocessing) -> Run:
    """A run of one linear layer without a bias."""
    run = made(
        f"input: [{len(weights[0])}]\nlayers: [{{Linear: {{out_features: {len(weights)}, bias: false}}}}]\n",
        fitted,
    )
    with torch.no_grad():
        next(run.module.parameters()).copy_(torch.tensor(weights))
    return run


# Closed forms


def test_a_linear_network_is_explained_by_its_weights() -> None:
    run = table([[1.0, -2.0, 0.0], [0.5, 3.0, 1.0]], Preprocessing())
    x = np.array([2.0, 1.0, -1.0], dtype=np.float32)
    seen = explain_prediction(run, Example(x), target=1)
    assert [one.method for one in seen.found] == ["IntegratedGradients", "Occlusion", "Saliency"]
    w = np.array([0.5, 3.0, 1.0])
    np.testing.assert_allclose(of(seen, "Saliency").values, np.abs(w))
    np.testing.assert_allclose(of(seen, "IntegratedGradients").values, w * x, rtol=1e-5)
    np.testing.assert_allclose(of(seen, "Occlusion").values, w * x, rtol=1e-5)
    assert (seen.kind, seen.index, seen.probabilities, seen.truth) == ("table", 1, None, None)
    assert seen.outputs.tolist() == [0.0, 3.0]


def test_everything_is_in_the_sources_units() -> None:
    """Of w·(s·x + t): the slope is w·s, and what arrives as 0 is the baseline."""
    run = table([[1.0, -2.0]], Preprocessing(scale=(10.0, 0.5), shift=(-20.0, 1.0)))
    x = np.array([3.0, 4.0], dtype=np.float32)
    seen = explain_prediction(run, Example(x))
    np.testing.assert_allclose(of(seen, "Saliency").values, [10.0, 1.0])
    for method in ("IntegratedGradients", "Occlusion"):
        np.testing.assert_allclose(of(seen, method).values, [1 * (30 - 20), -2 * (2 + 1)], rtol=1e-5)


def test_a_single_logit_speaks_for_both_of_two_classes() -> None:
    run = table([[1.0, -2.0]], Preprocessing(classes=("no", "yes")))
    x = np.array([1.0, 1.0], dtype=np.float32)
    no, yes = (explain_prediction(run, Example(x), target=name) for name in ("no", "yes"))
    assert no.predicted == 0
    assert no.probabilities is not None
    np.testing.assert_allclose(no.probabilities, [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))], rtol=1e-6)
    np.testing.assert_allclose(of(no, "IntegratedGradients").values, -of(yes, "IntegratedGradients").values)


def test_a_softmax_at_the_end_is_not_taken_twice() -> None:
    fitted = Preprocessing(classes=("x", "y"))
    run = made("input: [2]\nlayers: [{Linear: 2}, {Softmax: 1}]\n", fitted)
    seen = explain_prediction(run, Example(np.ones(2, dtype=np.float32)))
    assert seen.probabilities is not None
    assert seen.probabilities.sum() == pytest.approx(1)
    np.testing.assert_array_equal(seen.probabilities, seen.outputs)


# Captum by hand


@pytest.fixture(scope="module")
def image() -> NDArray[Any]:
    return np.random.default_rng(0).random((1, 8, 8), dtype=np.float32)


def test_images_are_explained_as_captum_does(digits: Run, image: NDArray[Any]) -> None:
    def network(x: Tensor) -> Tensor:
        found = digits.module(2 * x - 1)
        assert isinstance(found, Tensor)
        return found

    x, nothing = torch.from_numpy(image)[None], torch.zeros(1, 1, 8, 8)
    seen = explain_prediction(digits, Example(image), target="d")
    gradients, delta = captum.IntegratedGradients(network).attribute(
        x, nothing, target=3, n_steps=50, return_convergence_delta=True
    )
    found = of(seen, "IntegratedGradients")
    np.testing.assert_allclose(found.values, gradients[0].detach(), atol=1e-6)
    assert found.delta == pytest.approx(float(delta), abs=1e-6)
    assert found.change == pytest.approx(float((network(x) - network(nothing))[0, 3].detach()), abs=1e-6)
    saliency = captum.Saliency(network).attribute(x.clone().requires_grad_(), target=3)
    np.testing.assert_allclose(of(seen, "Saliency").heat, saliency[0, 0].detach(), atol=1e-6)
    occluded = captum.Occlusion(network).attribute(x, (1, 2, 2), (1, 1, 1), nothing, target=3)
    np.testing.assert_allclose(of(seen, "Occlusion").values, occluded[0].detach(), atol=1e-6)
    # The last convolution has one place only, so that it could say nothing of where.
    cam = captum.LayerGradCam(network, digits.module.get_submodule("conv2d_2"))
    coarse = cam.attribute(x, target=3, relu_attributions=True)
    fine = captum.LayerAttribution.interpolate(coarse, (8, 8), "bilinear")
    assert of(seen, "GradCAM").layer == "conv2d_2"
    np.testing.assert_allclose(of(seen, "GradCAM").values, fine[0, 0].detach(), atol=1e-6)


def test_tokens_are_explained_at_their_embedding_as_captum_does() -> None:
    run = made(TOKENS, Preprocessing(classes=("x", "y", "z"), vocabulary=tuple("?abcdefgh")))
    with torch.no_grad():
        run.module.get_parameter("embedding_1.weight")[0] = 0
    tokens = np.array([3, 1, 4, 1, 5])
    seen = explain_prediction(run, Example(tokens), {"IntegratedGradients": {"steps": 30}}, "y", step=4)

    def network(x: Tensor) -> Tensor:
        return run.module(x)[:, 3]  # type: ignore[index,return-value]

    by_hand = captum.LayerIntegratedGradients(network, run.module.get_submodule("embedding_1"))
    x = torch.from_numpy(tokens)[None]
    values = by_hand.attribute(x, torch.zeros_like(x), target=1, n_steps=30)
    np.testing.assert_allclose(of(seen, "IntegratedGradients").heat, values[0].sum(1).detach(), atol=1e-6)
    assert of(seen, "IntegratedGradients").heat[4] == 0  # the fifth token comes after the fourth step
    assert (seen.step, seen.steps, "".join(seen.words)) == (4, 5, "cadae")


def test_padding_is_as_if_it_were_not_there() -> None:
    run = made(SERIES)
    padded = np.zeros((2, 7, 2), dtype=np.float32)
    padded[0, :4] = np.random.default_rng(1).standard_normal((4, 2))
    example = example_of_array(run, padded, np.array([4, 7]))
    assert example.x.shape == (4, 2)
    seen = explain_prediction(run, example)
    assert (seen.kind, of(seen, "Saliency").heat.shape) == ("sequence", (4, 2))

    def network(x: Tensor) -> Tensor:
        return run.module(x, torch.full((len(x),), 4))  # type: ignore[return-value]

    x = torch.from_numpy(padded[:1])
    values = captum.IntegratedGradients(network).attribute(x, torch.zeros_like(x), target=0)[0].detach()
    np.testing.assert_allclose(of(seen, "IntegratedGradients").values, values[:4], atol=1e-6)
    assert not values[4:].any()


def test_a_forecast_is_explained_in_the_sources_units() -> None:
    """Standardised in, standardised out: the slope of a linear forecast is the weight itself."""
    fitted = Preprocessing(scale=(0.1,), shift=(-5.0,), forecast=True)
    run = made("input: [4, 1]\nlayers: [Flatten, {Linear: {out_features: 1, bias: false}}]\n", fitted)
    weight = next(run.module.parameters()).detach()[0]
    seen = explain_prediction(run, Example(np.full((4, 1), 60.0, dtype=np.float32), np.array([61.0])))
    np.testing.assert_allclose(of(seen, "Saliency").values[:, 0], weight.abs(), rtol=1e-5)
    assert seen.outputs[0] == pytest.approx(float(weight.sum()) * 10 + 50, rel=1e-5)
    assert seen.truth == 61.0


# Which example, which output


def test_an_example_of_the_runs_own_data(digits: Run) -> None:
    from builder.runtime.data.splits import load_arrays

    assert digits.spec.data is not None
    arrays = load_arrays(digits.spec.data, digits.spec.folder, "test")
    example = example_of_part(digits, "test", 17)
    np.testing.assert_array_equal(example.x, arrays.x[17])
    seen = explain_prediction(digits, example)
    assert seen.truth == arrays.y[17]
    assert seen.index == seen.predicted == seen.outputs.argmax()
    assert explain_prediction(digits, example, target="3").index == 3
    with pytest.raises(DataError, match=r"the part `test` has 270 examples.*there is no 270"):
        example_of_part(digits, "test", 270)
    with pytest.raises(RunError, match="no part `tests`"):
        example_of_part(digits, "tests", 0)
    with pytest.raises(RunError, match="cannot be found"):
        example_of_part(made(SERIES), "test", 0)


def test_an_example_of_an_array(digits: Run, image: NDArray[Any]) -> None:
    many = np.stack([image, image / 2])
    np.testing.assert_array_equal(example_of_array(digits, many, index=1).x, image / 2)
    np.testing.assert_array_equal(example_of_array(digits, image).x, image)  # without a batch axis
    with pytest.raises(DataError, match=r"needs N×1×8×8, and examples of \[2, 3\]"):
        example_of_array(digits, np.zeros((2, 3)))
    with pytest.raises(DataError, match=r"needs N×1×8×8, and examples of \[1, 1, 8, 9\] give \[1, 1, 8, 9\]"):
        example_of_array(digits, np.zeros((1, 1, 8, 9)))
    with pytest.raises(DataError, match="the file has 2 examples, numbered from 0, and there is no 2"):
        example_of_array(digits, many, index=2)
    with pytest.raises(DataError, match="tokens lie from 0 to 8"):
        example_of_array(made(TOKENS), np.array([[1, 9]]))
    with pytest.raises(DataError, match="lengths are one for each"):
        example_of_array(digits, many, np.array([1, 1]))
    with pytest.raises(DataError, match="example 1 holds a value that is no finite number"):
        example_of_array(digits, np.stack([image, image * np.nan]), index=1)
    with pytest.raises(DataError, match="lengths are one for each"):
        example_of_array(made(SERIES), np.zeros((1, 3, 2)), np.array([4]))


def test_what_cannot_be_explained(digits: Run, image: NDArray[Any]) -> None:
    example = Example(image)
    for target, problem in (
        ("k", "no class `k`"),
        ("10", "no class 10: there are 10, numbered from 0"),
        (-1, "no class `-1`"),
    ):
        with pytest.raises(RunError, match=problem):
            explain_prediction(digits, example, target=target)
    with pytest.raises(RunError, match="no output 1: there are 1"):
        explain_prediction(table([[1.0]], Preprocessing()), Example(np.ones(1, dtype=np.float32)), target=1)
    with pytest.raises(RunError, match="no step to choose"):
        explain_prediction(digits, example, step=1)
    with pytest.raises(RunError, match="no step 6: the example has 5"):
        explain_prediction(made(TOKENS), Example(np.arange(5)), step=6)
    with pytest.raises(RunError, match=r"no attribution `Salience` Did you mean `Saliency`"):
        explain_prediction(digits, example, {"Salience": {}})
    with pytest.raises(RunError, match="`conv2d_9` is none"):
        explain_prediction(digits, example, {"GradCAM": {"layer": "conv2d_9"}})
    with pytest.raises(RunError, match="this network has none"):
        explain_prediction(made(SERIES), Example(np.ones((3, 2), dtype=np.float32)), {"GradCAM": {}})
    with pytest.raises(RunError, match=r"the output is N×4×6×6"):
        run = made("input: [1, 8, 8]\nlayers: [{Conv2d: {out_channels: 4, kernel_size: 3}}]\n")
        explain_prediction(run, example)
    game = dataclasses.replace(
        digits, spec=dataclasses.replace(digits.spec, adversarial=Adversarial.model_construct())
    )
    with pytest.raises(RunError, match="says nothing of examples"):
        explain_prediction(game, example)
    with pytest.raises(RunError, match="2 inputs and 1 outputs"):
        run = made("inputs: {a: [2], b: [2]}\nlayers: [{from: [a, b], Add: null}]\n")
        explain_prediction(run, Example(np.ones(2, dtype=np.float32)))


def test_without_captum_it_says_how_to_get_it(
    digits: Run, image: NDArray[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "captum", None)
    with pytest.raises(RunError, match=r"pip install 'gradspec\[explain\]'"):
        explain_prediction(digits, Example(image))


def test_the_network_is_left_as_it_was(digits: Run, image: NDArray[Any]) -> None:
    before = {key: value.clone() for key, value in digits.module.state_dict().items()}
    explain_prediction(digits, Example(image))
    assert not any(module._forward_hooks or module._backward_hooks for module in digits.module.modules())
    assert all(torch.equal(before[key], value) for key, value in digits.module.state_dict().items())
    assert all(parameter.grad is None for parameter in digits.module.parameters())
    assert not digits.module.training


def test_every_method_is_asked_unless_told(digits: Run, image: NDArray[Any]) -> None:
    assert {one.method for one in explain_prediction(digits, Example(image)).found} == set(attributions)
