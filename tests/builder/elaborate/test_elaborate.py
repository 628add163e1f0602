"""Wiring: names, blocks, groups, repeats, sharing, several inputs and outputs."""

from __future__ import annotations

import pytest
import yaml

from builder import Graph, SpecErrors, infer, loads


def graph(text: str) -> Graph:
    return infer(loads(text))


def problems(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(SpecErrors) as caught:
        loads(text)
    return [(e.line, e.column, e.problem) for e in caught.value.errors]


def test_unnamed_layers_count_all_of_their_type() -> None:
    g = graph(
        """
input: [3, 8, 8]
layers:
  - {name: first, Conv2d: {out_channels: 4, kernel_size: 3}}
  - Conv2d: {out_channels: 4, kernel_size: 3}
"""
    )
    assert [layer.name for layer in g.layers] == ["first", "conv2d_2"]
    assert g.parameters == 4 * 27 + 4 + 4 * 36 + 4


def test_groups_are_named_as_if_written_out() -> None:
    g = graph("input: [8]\nlayers:\n  - {repeat: 2, layers: [{Linear: 8}, ReLU]}\n  - Linear: 2\n")
    assert [layer.name for layer in g.layers] == ["linear_1", "relu_1", "linear_2", "relu_2", "linear_3"]
    assert [layer.inputs for layer in g.layers] == [
        ("input",),
        ("linear_1",),
        ("relu_1",),
        ("linear_2",),
        ("relu_2",),
    ]


def test_names_inside_a_repeated_group_mean_the_same_copy() -> None:
    g = graph(
        """
input: [8]
layers:
  - repeat: 2
    layers:
      - {name: inner, Linear: 8}
      - Tanh
      - Add: [last, inner]
"""
    )
    assert g.by_name["add_1"].inputs == ("tanh_1", "inner_1")
    assert g.by_name["add_2"].inputs == ("tanh_2", "inner_2")


def test_a_repeated_block_is_numbered_and_nested() -> None:
    g = graph(
        """
input: [8]
blocks:
  Unit:
    parameters: {width: 8, twice: $(width * 2)}
    layers: [{Linear: $twice}, ReLU, {Linear: $in_features}]
layers:
  - {repeat: 2, Unit: 8}
  - {name: third, Unit: {width: 3}}
"""
    )
    assert [layer.name for layer in g.layers][:4] == [
        "unit_1.linear_1",
        "unit_1.relu_1",
        "unit_1.linear_2",
        "unit_2.linear_1",
    ]
    assert g.by_name["third.linear_1"].output == (6,)
    assert g.by_name["third.linear_2"].output == (8,)
    assert g.outputs == {"output": "third.linear_2"}
    assert g.type_of("unit_1").shape == (8,)


def test_a_shared_layer_owns_no_weights() -> None:
    g = graph(
        """
inputs: {left: [4], right: [4]}
layers:
  - {name: a, from: left, Linear: 3}
  - {name: b, from: right, share: a}
  - Add: [a, b]
"""
    )
    assert g.by_name["b"].shared_with == "a"
    assert g.by_name["b"].type == "Linear"
    assert g.parameters == 15
    assert list(g.state) == ["a.weight", "a.bias"]
    assert g.by_name["b"].multiply_adds == 12


def test_a_shared_block_shares_layer_by_layer_and_sharing_chains() -> None:
    g = graph(
        """
inputs: {left: [4], right: [4], middle: [4]}
blocks:
  Tower: {layers: [{Linear: 5}, Tanh, {Linear: 2}]}
layers:
  - {name: a, from: left, Tower: }
  - {name: b, from: right, share: a}
  - {name: c, from: middle, share: a}
  - Concat: [a, b, c]
"""
    )
    assert g.by_name["b.linear_2"].shared_with == "a.linear_2"
    assert g.by_name["c.linear_1"].shared_with == "a.linear_1"
    assert g.parameters == 4 * 5 + 5 + 5 * 2 + 2
    assert g.output_types["output"].shape == (6,)


def test_sharing_inside_a_shared_block() -> None:
    g = graph(
        """
inputs: {left: [4], right: [4]}
blocks:
  Twice:
    layers:
      - {name: once, Linear: 4}
      - {share: once}
layers:
  - {name: a, from: left, Twice: }
  - {name: b, from: right, share: a}
  - Add: [a, b]
"""
    )
    assert {u.name: u.shared_with for u in g.layers if u.type == "Linear"} == {
        "a.once": None,
        "a.linear_2": "a.once",
        "b.once": "a.once",
        "b.linear_2": "a.once",
    }
    assert g.parameters == 20


def test_a_block_of_several_inputs() -> None:
    g = graph(
        """
input: [4]
blocks:
  Gate:
    inputs: [below, skip]
    layers:
      - {name: s, from: skip, Sigmoid: }
      - Multiply: [below, s]
layers:
  - {name: one, Linear: 4}
  - {from: [one, input], Gate: }
"""
    )
    assert g.by_name["gate_1.multiply_1"].inputs == ("one", "gate_1.s")


def test_init_and_freeze_reach_into_blocks_and_the_inner_rule_wins() -> None:
    g = graph(
        """
input: [4]
blocks:
  Unit:
    layers:
      - Linear: 4
      - ReLU
      - {Linear: 4, init: {weight: eye_}}
init: {Linear.weight: {normal_: {std: 0.5}}, Linear.bias: zeros_}
layers:
  - {Unit: , init: {linear_1.weight: ones_}}
  - ReLU
  - {Linear: 2, freeze: true}
"""
    )
    kinds = {
        f"{layer.name}.{key}": type(made).__name__ for layer in g.layers for key, made in layer.init.items()
    }
    assert kinds == {
        "unit_1.linear_1.weight": "ones_",
        "unit_1.linear_1.bias": "zeros_",
        "unit_1.linear_2.weight": "eye_",
        "unit_1.linear_2.bias": "zeros_",
        "linear_1.weight": "normal_",
        "linear_1.bias": "zeros_",
    }
    assert [layer.name for layer in g.layers if layer.freeze] == ["linear_1"]


def test_what_follows_an_unknown_shape_is_silent() -> None:
    assert problems(
        """
input: [1, 8, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 9}
  - Linear: 3
  - Conv2d: {out_channels: 4, kernel_size: 9}
"""
    ) == [(4, 5, "the window of 9 is larger than the input of 8")]


def test_an_error_in_a_block_names_its_line_and_the_line_that_used_it() -> None:
    with pytest.raises(SpecErrors) as caught:
        loads(
            """
input: [4]
blocks:
  Unit:
    parameters: {width: 4}
    layers:
      - Linear: {out_features: $width, bais: false}
layers:
  - Unit
  - Unit: 7
"""
        )
    (error,) = caught.value.errors
    assert (error.line, error.column, error.path) == (
        7,
        40,
        "blocks.Unit.layers[0].Linear.bais",
    )
    assert [(place.line, place.path) for place in error.used_at] == [(9, "layers[0]")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("layers: [{from: nowhere, Linear: 2}]", "there is no layer `nowhere` above"),
        ("layers: [{from: b, Linear: 2}, {name: b, Linear: 2}]", "`b` stands below; a layer reads only"),
        ("layers: [{name: a, Linear: 2}, {name: a, Linear: 2}]", "the name `a` is given twice, in line 2"),
        ("layers: [{share: a}]", "there is no layer `a` above whose weights could be shared"),
        ("layers: [{name: a, Linear: 2}, {share: a}]", "`a` has weight of [2, 4], and here [2, 2] would"),
        ("layers: [{repeat: 0, Linear: 2}]", "expected a whole number of at least 1, found 0"),
        ("layers: [{repeat: 1000000000, Linear: 4}]", "the spec expands to more than 10,000 items"),
        ("layers: [{name: train, Linear: 2}]", "`train` is what every `torch.nn.Module` has already"),
        ("layers: [{name: a, Linear: 2}, {from: input, Linear: 2}]", "nothing reads `a`"),
        ("layers: [{Linear: 2, kernel_size: 3}]", "`kernel_size` stands beside `Linear`, not in it"),
        ("layers: [{Linear: 2, ReLU: }]", "an item of `layers` has one layer type, found `Linear` and"),
        ("layers: [{Linear: 2, init: {wieght: ones_}}]", "`Linear` has no parameter `wieght`"),
        ("layers: [{ReLU: , freeze: true}]", "`ReLU` has no parameters to freeze"),
        ("layers: [Linear: 2]\nconstants: {w: 3}", "the constant `w` is never read"),
        ("layers: [Linear: 2]\nblocks: {B: {layers: [ReLU]}}", "the block `B` is never used"),
        ("layers: [B]\nblocks: {B: {layers: [B]}}", "the block `B` contains itself: B → B"),
        (
            "layers: [B]\nblocks: {B: {parameters: {n: null}, layers: [{Linear: $n}]}}",
            "the block `B` needs `n`",
        ),
        ("layers: [B: 1]\nblocks: {B: {layers: [ReLU]}}", "the block `B` has no parameters, found 1"),
        ("layers: [B: {m: 1}]\nblocks: {B: {layers: [ReLU]}}", "the block `B` has no parameter `m`"),
        ("layers: [{Linear: $width}]", "`$width` is not known here"),
        ("layers: [{constraint: smoothing, Linear: 2}]", "`constraint` is not available yet"),
        ("layers: [Linear: 2]\nweights: {}", "`weights` is not available yet"),
        (
            "layers: [Linear: 2]\nexpect: {parameters: 11}",
            "11 parameters are expected, and the network has 10",
        ),
        ("layers: [Linear: 2]\nexpect: {output: [3]}", "`output` is expected to give [3], and it gives [2]"),
        ("layers: [Linear: 2]\noutputs: [linear_2]", "there is no layer `linear_2` above"),
        ("layers: [{Linear: 1000000}, {Linear: 1000000}]", "the parameters up to here take 3.6 TiB"),
    ],
)
def test_one_mistake_gives_one_error(text: str, expected: str) -> None:
    found = problems("input: [4]\n" + text + "\n")
    assert len(found) == 1, found
    assert found[0][2].startswith(expected)


def test_holes_are_counted_and_fail_nothing() -> None:
    spec = loads(
        """
input: [1, 8, 8]
layers:
  - Conv2d: {out_channels: ???, kernel_size: 3}
  - ???
  - {name: head, from: wherever, Linear: 10}
"""
    )
    assert [place.line for place in spec.holes] == [4, 5]
    assert not infer(spec).complete


def test_overrides_change_single_values_and_are_checked() -> None:
    text = "input: [4]\nlayers:\n  - Linear: 2\n"
    assert infer(loads(text, sets=("layers[0].Linear=7",))).parameters == 35
    with pytest.raises(SpecErrors) as caught:
        loads(text, sets=("layers[0].Linear=seven", "gradspec"))
    assert [(e.file, e.problem) for e in caught.value.errors] == [
        ("--set", "expected `key=value`, found `gradspec`"),
        ("--set", 'expected a whole number of at least 1, found the text "seven"'),
    ]


def test_the_resolved_spec_is_a_fixed_point() -> None:
    text = """
input: [1, 8, 8]
constants: {width: 4}
blocks:
  Unit:
    parameters: {channels: null}
    layers:
      - Conv2d: {out_channels: $channels, kernel_size: 3, padding: 1}
      - {repeat: 2, layers: [ReLU, {name: norm, BatchNorm2d}]}
      - Add: [last, input]
layers:
  - Conv2d: {out_channels: $width, kernel_size: 1}
  - {repeat: 2, Unit: $width}
  - {name: tail, share: conv2d_1, from: input}
  - Flatten
  - Linear: 3
outputs: [linear_1, unit_2]
"""
    first = loads(text)
    dumped = yaml.safe_dump(first.resolved(), sort_keys=False)
    second = loads(dumped)
    assert second.resolved() == first.resolved()
    assert second.graph.state == first.graph.state
    assert [u.name for u in second.graph.layers] == [u.name for u in first.graph.layers]


@pytest.mark.parametrize(
    "text",
    [
        "gradspec: ???\ninput: [4]\nlayers: [ReLU]\n",
        "input: [4]\nblocks: ???\nlayers: [Residual]\n",
        "input: [4]\nlayers: [{name: ???, Linear: 3}, {from: a, Linear: 2}]\n",
        "input: [4]\nblocks: {B: {parameters: {k: 3}, layers: [{Linear: ???}]}}\nlayers: [B]\n",
        "input: [4]\nlayers: [Linear: 2]\nconstants: {width: ???, height: 2}\n",
        "input: [4]\nlayers: [Linear: 2]\ntrain: {loss: ???, optimizer: {???: {lr: ???}}, epochs: ???}\n",
    ],
)
def test_a_hole_makes_nothing_else_fail(text: str) -> None:
    assert loads(text).holes
