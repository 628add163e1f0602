"""What a label adds to two players: held against the same networks by hand in torch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from builder import ModelSpec, loads
from builder.elaborate.resolve import to_yaml
from builder.runtime import build_networks

TEXT = """\
networks:
  generator:
    input: {noise}
    layers: [{{name: first, Flatten}}, {{Linear: 64}}, {{Unflatten: {{dim: 1, unflattened_size: [1, 8, 8]}}}}]
  discriminator:
    input: [1, 8, 8]
    layers: {layers}
adversarial:
  objective: Hinge
  conditional: {conditional}
  optimizer: {{generator: Adam, discriminator: Adam}}
data: {{source: Digits}}
"""
FLAT = "[Flatten, {Linear: 5}, ReLU, {Linear: 1}]"
ADDED = {
    "concatenate": ["label_one_hot", "label_planes", "with_label"],
    "embed": ["label_embedding", "label_planes", "with_label"],
}


def _spec(conditional: str, layers: str = FLAT, noise: str = "[4]") -> ModelSpec:
    return loads(TEXT.format(conditional=conditional, layers=layers, noise=noise))


def _added(spec: ModelSpec, network: str) -> list[str]:
    names = [layer.name for layer in spec.networks[network].graph.layers]
    return [name for name in names if "label" in name or "logits" in name]


@pytest.fixture
def x() -> Tensor:
    return torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def z() -> Tensor:
    return torch.randn(3, 4, generator=torch.Generator().manual_seed(2))


LABELS = torch.tensor([7, 0, 9])


@pytest.mark.parametrize("how", ["concatenate", "embed", "project"])
def test_a_second_input_and_names_that_stay(how: str) -> None:
    spec = _spec(how)
    for network in spec.networks.values():
        assert list(network.inputs) == ["input", "label"]
        assert (network.inputs["label"].shape, network.inputs["label"].vocabulary) == ((), 10)
    generator = [name for name in ADDED.get(how, ADDED["embed"]) if name != "label_planes"]
    assert _added(spec, "generator") == generator
    critic = ADDED.get(how, ["logits", "label_embedding", "label_score", "conditional_logits"])
    assert _added(spec, "discriminator") == critic
    assert {"first", "linear_1", "unflatten_1"} <= set(spec.networks["generator"].graph.by_name)


def test_concatenate_by_hand(x: Tensor, z: Tensor) -> None:
    players = build_networks(_spec("concatenate"))
    hot = functional.one_hot(LABELS, 10).float()
    g = players["generator"]
    made = functional.linear(torch.cat([z, hot], 1), g.linear_1.weight, g.linear_1.bias).view(3, 1, 8, 8)
    torch.testing.assert_close(g(z, LABELS), made)
    d = players["discriminator"]
    planes = torch.cat([x, hot[:, :, None, None].expand(3, 10, 8, 8)], 1)
    hidden = functional.relu(functional.linear(planes.flatten(1), d.linear_1.weight, d.linear_1.bias))
    torch.testing.assert_close(d(x, LABELS), functional.linear(hidden, d.linear_2.weight, d.linear_2.bias))


def test_embed_by_hand(x: Tensor, z: Tensor) -> None:
    players = build_networks(_spec("{label: embed, size: 6}"))
    g, d = players["generator"], players["discriminator"]
    assert g.label_embedding.weight.shape == (10, 6)
    beside = torch.cat([z, g.label_embedding.weight[LABELS]], 1)
    made = functional.linear(beside, g.linear_1.weight, g.linear_1.bias).view(3, 1, 8, 8)
    torch.testing.assert_close(g(z, LABELS), made)
    plane = d.label_embedding.weight[LABELS].view(3, 1, 8, 8)
    hidden = torch.cat([x, plane], 1).flatten(1)
    hidden = functional.relu(functional.linear(hidden, d.linear_1.weight, d.linear_1.bias))
    torch.testing.assert_close(d(x, LABELS), functional.linear(hidden, d.linear_2.weight, d.linear_2.bias))


def test_project_by_hand(x: Tensor) -> None:
    d = build_networks(_spec("project"))["discriminator"]
    features = functional.relu(functional.linear(x.flatten(1), d.linear_1.weight, d.linear_1.bias))
    inner = (features * d.label_embedding.weight[LABELS]).sum(1, keepdim=True)
    torch.testing.assert_close(
        d(x, LABELS), functional.linear(features, d.logits.weight, d.logits.bias) + inner
    )


def test_noise_as_an_image_and_examples_as_vectors() -> None:
    spec = _spec("embed", noise="[4, 1, 1]")
    assert spec.networks["generator"].graph.type_of("with_label").shape == (20, 1, 1)
    assert spec.adversarial is not None and spec.adversarial.noise.size == (4, 1, 1)
    flat = TEXT.format(conditional="{label: embed, size: 3}", layers="[{Linear: 1}]", noise="[4]")
    flat = flat.replace("[1, 8, 8]\n", "[2]\n").replace(
        ", {Unflatten: {dim: 1, unflattened_size: [1, 8, 8]}}", ""
    )
    spec = loads(flat.replace("{Linear: 64}", "{Linear: 2}").replace("Digits", "GaussianRing"))
    critic = spec.networks["discriminator"].graph
    assert critic.inputs["label"].vocabulary == 8
    assert critic.type_of("label_embedding").shape == (3,) and critic.type_of("with_label").shape == (5,)


def test_what_the_author_calls_input_has_the_label_beside_it() -> None:
    spec = _spec(
        "concatenate",
        "[{name: body, Flatten}, {from: input, Flatten}, {Linear: 1}]".replace(
            "{from: input, Flatten}", "{name: again, from: input, Flatten}, {Concat: [body, again]}"
        ),
    )
    graph = spec.networks["discriminator"].graph
    assert graph.by_name["again"].inputs == ("with_label",)
    assert graph.type_of("concat_1").shape == (2 * 11 * 64,)  # the author's first, whatever was added


@pytest.mark.parametrize("last", ["{name: judge, Linear: 1}", "{from: relu_1, Linear: 1}"])
def test_projection_reads_what_the_last_layer_reads(last: str) -> None:
    spec = _spec("project", f"[Flatten, {{Linear: 5}}, ReLU, {last}]")
    graph = spec.networks["discriminator"].graph
    assert graph.by_name["label_score"].inputs == ("relu_1", "label_embedding")
    assert graph.by_name["conditional_logits"].inputs == (
        "judge" if "judge" in last else "logits",
        "label_score",
    )


def test_projection_onto_the_input_itself() -> None:
    spec = _spec("project", "[Flatten, {Linear: 1}]")
    assert spec.networks["discriminator"].graph.type_of("label_embedding").shape == (64,)


def test_an_own_type_of_the_same_name_changes_nothing() -> None:
    text = TEXT.format(conditional="embed", layers="[{Embedding: 1}]", noise="[4]")
    spec = loads("blocks: {Embedding: {parameters: {n: 1}, layers: [Flatten, {Linear: $n}]}}\n" + text)
    graph = spec.networks["discriminator"].graph
    assert graph.by_name["label_embedding"].type == "Embedding"
    assert graph.by_name["embedding_1.linear_1"].type == "Linear"


def test_a_resolved_conditional_spec_says_how_many_classes_there_are_and_needs_no_data() -> None:
    text = """
networks:
  generator: {input: [8], layers: [{Linear: 64}, {Unflatten: [1, 8, 8]}]}
  discriminator: {input: [1, 8, 8], layers: [Flatten, {Linear: 1}]}
adversarial: {objective: Hinge, conditional: embed, optimizer: {generator: Adam, discriminator: Adam}}
data: {source: Digits}
"""
    resolved = loads(text).resolved()
    assert resolved["adversarial"]["conditional"] == {"label": "embed", "size": 16, "classes": 10}  # type: ignore[index]
    del resolved["data"]
    again = loads(to_yaml(resolved))
    assert again.networks["generator"].graph.inputs["label"].vocabulary == 10
