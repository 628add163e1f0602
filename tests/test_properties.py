"""Properties: any bytes give a document or errors, any spec a graph or errors, any graph builds to its shapes."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from builder import Graph, ModelSpec, SpecErrors, infer, load, loads
from builder.language.nodes import Document, Mapping, Node, Scalar, Sequence
from builder.language.source import MAX_BYTES, read_bytes, read_text
from builder.layers.layer import layers as catalogue
from builder.runtime import build

MODELS = sorted((Path(__file__).parent.parent / "specs" / "models").glob("*.yaml"))
WRONG = sorted((Path(__file__).parent / "messages").glob("*.yaml"))
# Times the yardstick: far more than it takes, far less than a hang.
TEXT = 50  # to read one small text
SPEC = 5000  # to make all of a spec

if TYPE_CHECKING:
    from tests.conftest import Yardstick

Reading = Callable[[Callable[[], object], float], Any]


def read_or_refuse(read: Callable[[], object]) -> Any:
    """What ``read`` gives, or none if it raised ``SpecErrors`` whose places and lines make sense."""
    try:
        return read()
    except SpecErrors as errors:
        assert errors.errors
        for error in errors.errors:
            assert error.line >= 1 and error.column >= 1 and error.problem
            assert str(error).isprintable() and len(str(error)) < 4000
        return None


@pytest.fixture(scope="session")
def reading(yardstick: Yardstick) -> Reading:
    """``read_or_refuse`` that fails for what takes long."""
    return lambda read, most: yardstick.holds(lambda: read_or_refuse(read), most)


# --- the reader ---------------------------------------------------------------------------------------------

SIGNS = [
    *"[]{}:,-?&*!|>'\"%@`#~<$().\\/ \n\t\r\x00\u00a0\ufeff\u2028é🙂",
    "- ",
    ": ",
    "\n  ",
    "\n- ",
    "---\n",
]
SIGNS += ["...", "a", "b", "1", "0x1", "1e3", "true", "null", "???", "<<", "<<: *a", "&a ", "*a ", "!!str "]
yaml_signs = st.sampled_from(SIGNS)


@settings(max_examples=400)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_document_or_errors(reading: Reading, data: bytes) -> None:
    found = reading(lambda: read_bytes(data, "f"), TEXT)
    assert found is None or isinstance(found, Document)


@settings(max_examples=1500)
@given(st.lists(yaml_signs, max_size=40).map("".join))
def test_any_text_gives_a_document_or_errors(reading: Reading, text: str) -> None:
    found = reading(lambda: read_text(text, "f"), TEXT)
    assert found is None or isinstance(found, Document)


@settings(max_examples=60)
@given(st.lists(yaml_signs, min_size=1, max_size=6).map("".join), st.integers(1, 1 << 14))
def test_any_text_over_and_over_is_read_at_once(reading: Reading, text: str, times: int) -> None:
    reading(lambda: read_text((text * times)[:MAX_BYTES], "f"), TEXT)


visible = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Cf", "Zl", "Zp"), exclude_characters="\U0010ffff"
)
words = st.text(visible, max_size=12)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(words.filter(bool), inner, max_size=5),
    max_leaves=25,
)


def values(node: Node) -> Any:
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [values(item) for item in node.items]
    return {key: values(value) for key, value in node.entries.items()}


@settings(max_examples=300)
@given(plain, st.sampled_from([None, 2]))
def test_json_is_yaml(value: Any, indent: int | None) -> None:
    """JSON is a subset of YAML 1.2, and Python's json module has no part in the reader."""
    assert values(read_text(json.dumps(value, ensure_ascii=False, indent=indent)).root) == value


@settings(max_examples=200)
@given(plain)
def test_every_place_points_at_its_value(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1)
    lines = text.split("\n")

    def check(node: Node) -> None:
        rest = lines[node.place.line - 1][node.place.column - 1 :]
        if isinstance(node, Scalar):
            assert rest.startswith(json.dumps(node.value, ensure_ascii=False))
        for item in node.items if isinstance(node, Sequence) else ():
            check(item)
        for child in node.entries.values() if isinstance(node, Mapping) else ():
            check(child)

    check(read_text(text).root)


# --- whole specs --------------------------------------------------------------------------------------------

ODD = [
    "???",
    "~",
    "-1",
    "0",
    "1e3",
    "3.5",
    "true",
    "yes",
    "[]",
    "{}",
    "[1, 2, 3]",
    "{a: 1}",
    '""',
    "x",
    "$x",
    "$(1/0)",
]
ODD += [
    "9" * 30,
    ".nan",
    "input",
    "last",
    "Linear",
    "{Linear: 8}",
    "[input, last]",
    "'\\0'",
    "*a",
    "&a 1",
    "8/255",
]


def settled(spec: ModelSpec) -> None:
    """A spec that loads says the same when its resolved form is loaded."""
    again = loads(yaml.safe_dump(spec.resolved(), sort_keys=False), folder=spec.folder)
    assert infer(again).state == infer(spec).state
    assert infer(again).output_types == infer(spec).output_types


def try_spec(reading: Reading, text: str, folder: Path) -> None:
    spec = reading(lambda: loads(text, "f", folder), SPEC)
    if spec is not None and spec.graph.complete and not spec.holes:
        settled(spec)


@settings(max_examples=150)
@given(
    st.lists(yaml_signs | st.sampled_from(["input: ", "layers: ", "Linear", "Conv2d"]), max_size=30).map(
        "".join
    )
)
def test_any_text_gives_a_spec_or_errors(reading: Reading, text: str) -> None:
    try_spec(reading, text, Path())


@pytest.mark.parametrize("path", [*MODELS, *WRONG[::8]], ids=lambda path: path.stem)
@settings(max_examples=12)
@given(chance=st.randoms(use_true_random=False))
def test_a_spec_with_broken_words_gives_a_spec_or_errors(
    reading: Reading, path: Path, chance: random.Random
) -> None:
    tokens = re.findall(r"\w+|[^\w\S]+|.", path.read_text(encoding="utf-8"), re.DOTALL)
    for _ in range(chance.randint(1, 4)):
        at, other = chance.randrange(len(tokens)), chance.randrange(len(tokens))
        match chance.randrange(4):
            case 0:
                tokens[at] = ""
            case 1:
                tokens[at] *= 2
            case 2:
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case _:
                tokens[at] = chance.choice(ODD)
    try_spec(reading, "".join(tokens), path.parent)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
@settings(max_examples=25)
@given(chance=st.randoms(use_true_random=False))
def test_a_spec_with_odd_values_gives_a_spec_or_errors(
    reading: Reading, path: Path, chance: random.Random
) -> None:
    """Whole values are replaced, moved or taken away, so that what is left is always YAML."""
    root = yaml.safe_load(path.read_text(encoding="utf-8"))
    for _ in range(chance.randint(1, 3)):
        spots = list(_spots(root))
        holder, key = chance.choice(spots)
        other_holder, other_key = chance.choice(spots)
        match chance.randrange(4):
            case 0:
                del holder[key]
            case 1:
                holder[key] = yaml.safe_load(json.dumps(other_holder[other_key]))
            case _:
                holder[key] = yaml.safe_load(
                    chance.choice([odd for odd in ODD if odd not in ("*a", "'\\0'")])
                )
    try_spec(
        reading, yaml.safe_dump(root, sort_keys=False, default_flow_style=chance.random() < 0.5), path.parent
    )


def _spots(value: Any) -> list[tuple[Any, Any]]:
    """Every place in nested data, as its holder and key."""
    if isinstance(value, dict):
        return [(value, key) for key in value] + [spot for inner in value.values() for spot in _spots(inner)]
    if isinstance(value, list):
        return [(value, i) for i in range(len(value))] + [spot for inner in value for spot in _spots(inner)]
    return []


# --- graphs -------------------------------------------------------------------------------------------------

TYPES = sorted(name for name in catalogue if not catalogue[name].merges)
MERGING = sorted(name for name in catalogue if catalogue[name].merges)


def one_layer(chance: random.Random) -> str:
    """A layer in flow style, its braces left out: an example of its class, or numbers of our own."""
    kernel, stride, padding = chance.randint(1, 4), chance.randint(1, 3), chance.randint(0, 2)
    window = f"kernel_size: [{kernel}, {chance.randint(1, 4)}], stride: {stride}, padding: {padding}"
    name = chance.choice(TYPES)
    if chance.random() < 0.5:
        name = chance.choice(["Conv2d", "MaxPool2d", "AvgPool2d", "Linear", "Flatten", "BatchNorm2d"])
    match name if chance.random() < 0.6 else "":
        case "Conv2d":
            return f"Conv2d: {{out_channels: {chance.choice([1, 2, 4, 6])}, {window}, dilation: {stride % 2 + 1}}}"
        case "MaxPool2d" | "AvgPool2d":
            return f"{name}: {{{window}, ceil_mode: {chance.choice(['true', 'false'])}}}"
        case "Linear":
            return (
                f"Linear: {{out_features: {chance.randint(1, 9)}, bias: {chance.choice(['true', 'false'])}}}"
            )
    example = chance.choice([example.text for example in catalogue[name].accepts])
    return f"{name}: {example}" if example else name


def some_layers(chance: random.Random, count: int, form: int) -> list[str]:
    """Items that may follow in one of six forms: a layer, several in a row, two branches that meet, shared."""
    match form:
        case 0:
            return [f"{{repeat: {chance.randint(1, 3)}, {one_layer(chance)}}}"]
        case 1:
            inner = ", ".join(f"{{{one_layer(chance)}}}" for _ in range(chance.randint(1, 2)))
            return [f"{{repeat: {chance.randint(1, 2)}, layers: [{inner}]}}"]
        case 2:
            layer, merge = one_layer(chance), chance.choice(MERGING)
            third = "" if merge == "Dot" else f", left{count}"
            return [
                f"{{name: left{count}, {one_layer(chance)}}}",
                f"{{name: right{count}, {layer}}}",
                f"{{name: again{count}, from: left{count}, {layer}}}",
                f"{merge}: [right{count}, again{count}{third}]",
            ]
        case 3:
            return [f"{{name: twice{count}, {one_layer(chance)}}}", f"{{share: twice{count}}}"]
    return [f"{{{one_layer(chance)}}}"]


def network(chance: random.Random) -> str:
    """A spec that loads: items that do not fit what arrives are left out."""
    shape = chance.choice([[1, 8, 8], [3, 9, 7], [4, 6, 6], [12], [6, 5], ["T", 6], ["T", 4]])
    items: list[str] = ["{Identity}"]
    blocks = ""
    if chance.random() < 0.5:
        blocks = f"blocks: {{Own: {{parameters: {{n: 2}}, layers: [{{repeat: $n, {one_layer(chance)}}}]}}}}\n"

    def spec(items: list[str]) -> str:
        listed = "".join(f"  - {item}\n" for item in items)
        return f"input: {shape}\n{blocks if 'Own' in listed else ''}layers:\n{listed}"

    for count in range(chance.randint(2, 9)):
        form = chance.randrange(6)
        for _ in range(6):  # most of what is drawn does not fit what arrives
            more = ["Own: 1"] if blocks and chance.random() < 0.3 else some_layers(chance, count, form)
            longer = spec(items + more)
            if read_or_refuse(lambda text=longer: loads(text)) is not None:  # type: ignore[misc]
                items += more
                break
    return spec(items)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@settings(max_examples=60)
@given(chance=st.randoms(use_true_random=False))
def test_a_random_network_builds_to_the_shapes_that_were_worked_out(chance: random.Random) -> None:
    text = network(chance)
    spec = loads(text)
    graph: Graph = infer(spec)
    module = build(spec, seed=0).eval()
    found: list[tuple[int, ...]] = []
    for use in dict.fromkeys(module.get_submodule(layer.shared_with or layer.name) for layer in graph.layers):
        use.register_forward_hook(lambda _m, _i, out: found.append(tuple(out.shape[1:])))
    (arrives,), (gives,) = graph.inputs.values(), graph.output_types.values()
    steps = chance.randint(2, 6)
    x = torch.randn(2, *arrives.sized(steps))
    out = module(x)
    assert found == [layer.output_type.sized(steps) for layer in graph.layers], text
    assert tuple(out.shape) == (2, *gives.sized(steps))
    if arrives.free:
        short = chance.randint(1, steps)
        padded = module(x, input_lengths=torch.tensor([short, steps]))
        alone = module(x[:1, :short])[0]
        own = padded[0, :short] if gives.free else padded[0]
        torch.testing.assert_close(own, alone, rtol=1e-4, atol=1e-5, msg=lambda told: f"{text}{told}")
    assert {key: tuple(value.shape) for key, value in module.state_dict().items()} == graph.state
    assert sum(p.numel() for p in module.parameters()) == graph.parameters
    settled(spec)


def test_the_random_networks_are_worth_their_name() -> None:
    """Enough of them are deep, branch, repeat, share and use most of the catalogue."""
    texts = [network(random.Random(seed)) for seed in range(60)]
    whole = "".join(texts)
    assert sum(text.count("\n  - ") > 3 for text in texts) > 30
    for word in ("share:", "repeat:", "layers: [", "Own: 1", "again", *MERGING):
        assert whole.count(word) >= 2, word
    used = [name for name in TYPES if re.search(rf"\b{name}\b", whole)]
    assert len(used) > 0.7 * len(TYPES)


def test_every_shipped_spec_loads() -> None:
    assert MODELS
    for path in MODELS:
        assert load(path).graph.complete
