"""Cells as layers: their shapes and names, against the module that is built; what a spec may say of them."""

from __future__ import annotations

import textwrap
from pathlib import Path

import jsonschema
import pytest
import torch

from builder import SpecErrors, load, loads
from builder.elaborate.resolve import to_yaml, written
from builder.language.source import read_text
from builder.runtime import build
from builder.schema import schema
from builder.spec.spec import ModelSpec

MINE = """
input: [T, 6]
cells:
  Mine:
    states: [h, c]
    parameters: {p: vector, s: scalar}
    gates:
      i: sigmoid(W @ x + U @ h_prev + p * c_prev + b)
      f: sigmoid(i.W @ x + V @ i_prev + s)
    update:
      c: f * c_prev + i * tanh(W @ [h_prev, x] + b)
      h: tanh(c)
    init: {b: zeros_, i.b: {constant_: 1.0}, c.W: {constant_: 0.5}}
"""


def spec(layers: str, head: str = MINE) -> ModelSpec:
    return loads(f"{textwrap.dedent(head)}\nlayers: [{layers}]")


@pytest.mark.parametrize(
    "layers",
    [
        "Mine: 5",
        "Mine: {hidden_size: 5, initial: learned}",
        "Mine: {hidden_size: 5, output: last}",
        "Mine: {hidden_size: 5, bidirectional: true, initial: learned}",
        "Mine: {hidden_size: 5, num_layers: 3, dropout: 0.5}",
        "{Mine: {hidden_size: 5, num_layers: 2, bidirectional: true, output: last}}, {Linear: 3}",
    ],
)
def test_shapes_and_names_are_the_modules_own(layers: str) -> None:
    found = spec(layers)
    network = build(found, seed=0)
    state = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert list(state.items()) == list(found.graph.state.items())
    assert sum(p.numel() for p in network.parameters()) == found.graph.parameters
    out = network(torch.randn(2, 7, 6))
    wanted = found.graph.output_types["output"].shape
    assert tuple(out.shape[1:]) == tuple(7 if size == "T" else size for size in wanted)


def test_the_arithmetic_and_the_multiply_adds() -> None:
    (layer,) = spec("Mine: 5").graph.layers
    assert (layer.type, layer.name) == ("Mine", "mine_1")
    assert layer.how == "5·6 + 2·5·5 + 3·5 + 1 + 5·11 = 151"
    assert layer.parameters == 151
    assert layer.multiply_adds == 2 * 5 * 6 + 2 * 5 * 5 + 5 * 11  # `i.W` multiplies twice
    fixed = spec("Mine: 5", MINE.replace("[T, 6]", "[9, 6]")).graph.layers[0]
    assert fixed.multiply_adds == 9 * layer.multiply_adds


def test_final_states_are_ports() -> None:
    graph = loads(f"{MINE}\nlayers: [{{name: a, Mine: 5}}, {{from: a.c, Linear: 2}}]").graph
    assert {name: kind.shape for name, kind in graph.by_name["a"].ports.items()} == {"h": (5,), "c": (5,)}
    assert graph.layers[1].inputs == ("a.c",)


def values(found: ModelSpec) -> dict[str, str]:
    """What each parameter is made with, by its full name."""
    return {
        f"{layer.name}.{name}": f"{type(made).__name__} {made}".strip()
        for layer in found.graph.layers
        for name, made in layer.init.items()
    }


def test_a_cells_own_init_comes_before_all_others() -> None:
    own = {"mine_1.i.b": "constant_ val=1.0", "mine_1.c.b": "zeros_", "mine_1.c.W": "constant_ val=0.5"}
    assert values(spec("Mine: 5")) == own
    assert values(spec("{Mine: 5, init: {c.W: ones_}}")) == own | {"mine_1.c.W": "ones_"}
    of_type = MINE + "init: {Mine.b: ones_, Mine.W: ones_}\n"
    found = values(spec("{Mine: 5, init: {c.W: zeros_}}", of_type))
    assert found == {
        "mine_1.i.W": "ones_", "mine_1.i.b": "ones_", "mine_1.c.W": "zeros_", "mine_1.c.b": "ones_",
    }  # fmt: skip


def test_a_key_of_init_is_a_parameters_name_or_its_end() -> None:
    stacked = "{{Mine: {{hidden_size: 5, num_layers: 2, initial: learned}}, init: {{{}: ones_}}}}"

    def spoken_of(key: str) -> list[str]:
        plain = MINE.partition("    init:")[0]
        return [name.removeprefix("mine_1.") for name in values(spec(stacked.format(key), plain))]

    assert spoken_of("W") == ["l0.i.W", "l0.c.W", "l1.i.W", "l1.c.W"]
    assert spoken_of("i.W") == ["l0.i.W", "l1.i.W"]
    assert spoken_of("l1.i.W") == ["l1.i.W"]
    assert spoken_of("h.initial") == ["l0.h.initial", "l1.h.initial"]


def test_the_init_reaches_the_weights() -> None:
    network = build(spec("Mine: 5"), seed=0)
    state = network.state_dict()
    assert torch.equal(state["mine_1.i.b"], torch.ones(5))
    assert torch.equal(state["mine_1.c.W"], torch.full((5, 11), 0.5))
    bound = 5**-0.5
    assert 0 < state["mine_1.i.U"].abs().max() <= bound


def test_share_repeat_freeze_and_name_work() -> None:
    found = spec("{name: first, Mine: 6}, {share: first}, {repeat: 2, freeze: true, Mine: 6}")
    assert [layer.name for layer in found.graph.layers] == ["first", "mine_2", "mine_3", "mine_4"]
    assert found.graph.layers[1].shared_with == "first"
    network = build(found, seed=0)
    assert list(network.state_dict()) == list(found.graph.state)
    trained = {name.partition(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    assert trained == {"first"}


def test_a_cell_in_a_block() -> None:
    text = MINE + "blocks: {Deep: {parameters: {n: 5}, layers: [{Mine: $n}, {Linear: $(n * 2)}]}}\n"
    found = spec("Deep: 4", text)
    assert [(layer.name, layer.type) for layer in found.graph.layers] == [
        ("deep_1.mine_1", "Mine"),
        ("deep_1.linear_1", "Linear"),
    ]
    assert list(build(found).state_dict()) == list(found.graph.state)


def test_an_own_name_wins_with_advice() -> None:
    cell = "{states: [h], update: {h: tanh(W @ x + U @ h_prev)}}"
    head = f"input: [T, 6]\ncells: {{LSTM: {cell}, ElmanRNN: {cell}}}"
    found = spec("{LSTM: 5}, {ElmanRNN: 5}", head)
    assert [layer.how for layer in found.graph.layers] == ["5·6 + 5·5 = 55", "2·5·5 = 50"]
    assert sorted(one.problem for one in found.advice) == [
        "the cell `ElmanRNN` hides the shipped one of that name",
        "the cell `LSTM` hides the layer type of that name",
    ]


def test_it_resolves_to_a_spec_that_stands_alone(tmp_path: Path) -> None:
    there = "{states: [h], update: {h: tanh(W @ x + U @ h_prev)}}"
    (tmp_path / "cells.yaml").write_text(f"cells: {{There: {there}, Idle: {there}}}\n")
    path = tmp_path / "spec.yaml"
    path.write_text(f"library: cells.yaml\n{MINE}layers: [{{Mine: 5}}, {{There: 5}}, {{MinGRU: 5}}]\n")
    found = load(path)
    plain = found.resolved()
    assert list(plain["cells"]) == ["Mine", "There", "MinGRU"]  # type: ignore[call-overload]
    assert "library" not in plain
    again = loads(to_yaml(plain), folder=tmp_path / "elsewhere")
    assert again.resolved() == plain
    assert again.graph.state == found.graph.state
    assert again.advice == ()
    assert values(again) == values(found)


def test_it_obeys_the_json_schema() -> None:
    text = MINE + "library: [a.yaml]\nlayers: [{Mine: 5}, {MinGRU: {hidden_size: 5, initial: learned}}]\n"
    jsonschema.validate(written(read_text(text).root), schema())
    for wrong in (text.replace("update:", "updates:"), text.replace("initial: learned", "initial: ones")):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(written(read_text(wrong).root), schema())


def test_holes_in_a_cell_are_counted_and_nothing_else_fails() -> None:
    found = spec("{Mine: 5}, {Linear: 3}", MINE.replace("tanh(c)", "???"))
    assert [place.line for place in found.holes] == [12]
    assert not found.graph.complete
    assert found.advice == ()


@pytest.mark.parametrize("gate", ["way", "reason", "unroll", "state_names"])
def test_a_gate_does_not_hide_what_the_module_has(gate: str) -> None:
    """Every plain attribute of a cell's module is a name that no gate may have."""
    with pytest.raises(SpecErrors, match="is what a cell's module has already"):
        loads(
            "input: [T, 2]\n"
            f"cells: {{Own: {{states: [h], gates: {{{gate}: sigmoid(W @ x)}}, update: {{h: {gate} * h_prev}}}}}}\n"
            "layers: [{Own: 2}]\n"
        )


def test_the_refused_names_are_all_that_the_module_has() -> None:
    from builder.cells.names import _TAKEN
    from builder.language.names import MODULE_ATTRIBUTES
    from builder.runtime.cells.module import CellModule

    assert {name for name in vars(CellModule) if not name.startswith("_")} - MODULE_ATTRIBUTES == _TAKEN
