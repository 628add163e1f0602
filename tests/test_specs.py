"""Every shipped spec: it loads, holds to its `expect`, builds, takes a step, exports, and the export is equal."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch

from builder import Graph, infer, load, loads
from builder.elaborate.resolve import to_yaml, written
from builder.language.source import read_file
from builder.runtime import Network, build, build_networks, evaluate, train
from builder.runtime.export.export import export
from builder.shapes import TensorType
from builder.spec.spec import ModelSpec

MODELS = sorted(Path(str(files("specs") / "models")).glob("*.yaml"))

STEPS = 7  # of a free axis


def examples(kind: TensorType, count: int) -> torch.Tensor:
    torch.manual_seed(1)
    if kind.vocabulary is not None:
        return torch.randint(kind.vocabulary, (count, *kind.sized(STEPS)))
    return torch.randn(count, *kind.sized(STEPS))


def outputs(found: Any) -> list[torch.Tensor]:
    return list(found.values()) if isinstance(found, dict) else [found]


def built(spec: ModelSpec) -> list[tuple[Network, Graph]]:
    """The spec's network, or each of its networks, with what was inferred of it."""
    if not spec.networks:
        return [(build(spec, seed=0), infer(spec))]
    made = build_networks(spec, seed=0)
    found = [(made[name], network.graph) for name, network in spec.networks.items()]
    return [(network, graph) for network, graph in found if isinstance(network, Network)]


def parts(spec: ModelSpec) -> list[tuple[Graph, Network]]:
    """Its networks as they are built, each beside what was inferred of it; most specs have one."""
    if not spec.networks:
        return [(infer(spec), build(spec, seed=0))]
    built = build_networks(spec, seed=0)
    return [(one.graph, built.get_submodule(name)) for name, one in spec.networks.items()]


@pytest.fixture(scope="module", params=MODELS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_there_are_specs() -> None:
    assert len(MODELS) >= 5


def test_it_says_what_it_expects_and_gives_no_cause_for_advice(path: Path) -> None:
    spec = load(path)
    assert spec.resolved().get("expect"), "every shipped spec states its figures"
    assert spec.advice == ()
    assert spec.holes == ()


def test_it_obeys_the_json_schema(path: Path, validator: Any) -> None:
    validator.validate(written(read_file(path).root))


def test_it_resolves_to_itself(path: Path) -> None:
    spec = load(path)
    again = loads(to_yaml(spec.resolved()), folder=path.parent)
    assert again.resolved() == spec.resolved()
    assert infer(again).state == infer(spec).state


def test_it_builds_to_what_was_inferred(path: Path) -> None:
    for graph, network in parts(load(path)):
        assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == graph.state
        assert sum(p.numel() for p in network.parameters()) == graph.parameters
        given = [examples(kind, 2) for kind in graph.inputs.values()]
        found = outputs(network.eval()(*given))
        assert [tuple(o.shape[1:]) for o in found] == [k.sized(STEPS) for k in graph.output_types.values()]


def test_a_training_step_moves_every_parameter_that_is_not_frozen(path: Path) -> None:
    for graph, network in parts(load(path)):
        before = {name: value.detach().clone() for name, value in network.named_parameters()}
        optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
        found = outputs(network.train()(*[examples(kind, 8) for kind in graph.inputs.values()]))
        weight = torch.linspace(0.5, 1.5, 8)
        sum((o.flatten(1).square().sum(1) * weight).sum() for o in found).backward()
        optimizer.step()
        frozen = [name for name, value in network.named_parameters() if not value.requires_grad]
        still = [name for name, value in network.named_parameters() if torch.equal(before[name], value)]
        assert still == frozen


def test_its_export_equals_the_module(path: Path, tmp_path: Path) -> None:
    graph, network = parts(load(path))[0]  # of a game the generator, which is what a run exports
    proof = export(network, tmp_path / "model.onnx")
    assert proof.largest <= proof.allowed <= 1e-2
    free = any(kind.free for kind in graph.inputs.values())
    assert len(proof.batches) == (3 if free else 2) and len(proof.steps) == (3 if free else 0)
    assert (tmp_path / "model.onnx").is_file()


@pytest.mark.slow
def test_lenet5_reads_95_percent_of_unseen_mnist_digits(tmp_path: Path) -> None:
    spec = load(MODELS[0].parent / "lenet5_mnist5k.yaml", sets=("train.device=cpu",))
    run = train(spec, tmp_path / "run")
    assert sum(p.numel() for p in run.module.parameters()) == 61_706
    assert evaluate(run, "test")["test_accuracy"] >= 0.95
