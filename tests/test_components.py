"""The battery for every component: found by scanning ``builder``, so that nobody must remember to extend it.

Each catalogue's components are held to their own examples; each layer type, on top, to torch and onnxruntime.
"""

from __future__ import annotations

import importlib
import inspect
import io
import pkgutil
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import builder
from builder.component import Accepted, Catalogue, Component, Rejected
from builder.data.transforms.transform import Transform
from builder.errors import Cause, Report, SpecError
from builder.language.nodes import Mapping
from builder.language.source import read_text
from builder.layers.layer import REFUSED, Layer, layers
from builder.reader import Reader
from builder.shapes import TensorType
from builder.training.initializers.initializer import Initializer

TESTS = Path(__file__).parent


class Kind(NamedTuple):
    """A final component, and the catalogue that a spec finds it in; a section such as ``train`` has none."""

    catalogue: Catalogue[Any] | None
    cls: type[Component]

    @property
    def name(self) -> str:
        return self.cls.__name__


def _modules() -> Iterator[Any]:
    for info in pkgutil.walk_packages(builder.__path__, "builder."):
        if not info.name.startswith("builder.runtime"):
            yield importlib.import_module(info.name)


def _kinds() -> tuple[list[Catalogue[Any]], list[Kind]]:
    modules = list(_modules())
    values = [value for module in modules for value in vars(module).values()]
    catalogues = list({id(v): v for v in values if isinstance(v, Catalogue)}.values())
    named = [Kind(catalogue, catalogue[name]) for catalogue in catalogues for name in catalogue]
    known = {kind.cls for kind in named}
    sections = {
        value: None
        for value in values
        if inspect.isclass(value)
        and issubclass(value, Component)
        and getattr(value, "__final__", False)
        and value not in known
    }
    return catalogues, named + [Kind(None, cls) for cls in sections]


CATALOGUES, KINDS = _kinds()
LAYERS = [layers[name] for name in layers]


def _id(value: object) -> str:
    match value:
        case Kind():
            return value.name
        case Catalogue():
            return value.kind.replace(" ", "_")
        case Accepted() | Rejected():
            return value.text or "bare"
    return getattr(value, "__name__", str(value))


every_kind = pytest.mark.parametrize("kind", KINDS, ids=_id)
every_layer = pytest.mark.parametrize("cls", LAYERS, ids=_id)

speed_warnings = pytest.mark.filterwarnings(  # about speed alone
    "ignore:Using padding='same' with even kernel",
    "ignore:LSTM with projections is not supported with oneDNN",
)


def _read(kind: Kind, text: str) -> tuple[Component | None, tuple[SpecError, ...]]:
    """What a spec gets that writes ``text`` behind the component's name."""
    report = Report()
    reader = Reader(report, {})
    body = "".join(f"\n  {line}" for line in text.splitlines()) if "\n" in text else f" {text}"
    root = read_text(f"{kind.name}:{body}\n" if text else f"{kind.name}: {{}}\n").root
    assert isinstance(root, Mapping)
    if kind.catalogue is not None:
        return reader.choice(kind.catalogue, root), report.errors
    return reader.component(kind.cls, root.entries[kind.name], root.keys[kind.name]), report.errors


def _types(example: Accepted | Rejected) -> tuple[TensorType, ...]:
    return tuple(on if isinstance(on, TensorType) else TensorType(on) for on in example.on)


def _meet(component: object, types: tuple[TensorType, ...]) -> None:
    """The component's rule, at what an example says arrives."""
    match component:
        case Layer():
            component.infer(*types)
        case Transform():
            component.rule(*types)
        case Initializer():
            component.check(*(t.sized(1) for t in types))
        case _:
            pytest.fail(f"nothing is known to arrive at a `{type(component).__name__}`")


def _layer(cls: type[Layer], example: Accepted) -> Layer:
    found, errors = _read(Kind(layers, cls), example.text)
    assert isinstance(found, Layer), errors
    return found


def _values(arrives: TensorType, batch: int, steps: int = 4) -> Tensor:
    """A batch; free axes are ``steps`` long."""
    if arrives.vocabulary is not None:
        return torch.randint(0, arrives.vocabulary, (batch, *arrives.sized(steps)))
    return 2 * torch.randn(batch, *arrives.sized(steps))


def _module(layer: Layer, types: tuple[TensorType, ...]) -> nn.Module:
    """The layer's torch module with weights and running statistics that hide nothing (no 0, no 1)."""
    module = layer.build(layer.infer(*types).sizes)
    for weight in module.parameters():
        nn.init.uniform_(weight, -1, 1)
    for buffer in module.buffers():
        if buffer.is_floating_point():
            nn.init.uniform_(buffer, 0.5, 1.5)
    return module


# Every component


def test_the_scan_finds_the_catalogues() -> None:
    assert layers in CATALOGUES
    assert {"Conv2d", "Linear", "Add", "ReLU"} <= {kind.name for kind in KINDS}


@every_kind
def test_it_is_documented_and_tested(kind: Kind) -> None:
    manual = kind.cls.__dict__.get("__doc__")  # its own, not its base's
    assert manual and manual.strip(), "a component's docstring is its manual page"
    assert kind.cls.accepts, "a component has an example that is right"
    if kind.cls.model_fields:
        assert kind.cls.rejects, "a component with fields has an example that is wrong"
    *folders, file = kind.cls.__module__.split(".")
    assert TESTS.joinpath(*folders, f"test_{file}.py").is_file(), "a component file has a test file"


@every_kind
def test_accepted_examples_go_through_yaml_and_come_back(kind: Kind) -> None:
    for example in kind.cls.accepts:
        found, errors = _read(kind, example.text)
        assert errors == ()
        assert isinstance(found, kind.cls)
        written = yaml.safe_dump(found.plain(), default_flow_style=True, width=10_000)
        again, errors = _read(kind, written.strip())
        assert errors == ()
        assert again == found, f"{example.text!r} became {written!r}"
        if example.on:
            _meet(found, _types(example))


@pytest.mark.parametrize(("kind", "example"), [(k, e) for k in KINDS for e in k.cls.rejects], ids=_id)
def test_rejected_examples_give_exactly_their_problem(kind: Kind, example: Rejected) -> None:
    found, errors = _read(kind, example.text)
    if not example.on:
        assert found is None
        assert [error.problem for error in errors] == [example.problem]
        return
    assert errors == ()
    with pytest.raises(Cause) as caught:
        _meet(found, _types(example))
    assert caught.value.problem == example.problem
    assert caught.value.field is None or caught.value.field in {*kind.cls.model_fields, "from"}


# Every layer type

OURS = ("merges", "reductions", "positional_encoding", "one_hot", "tile", "minibatch_std_dev")
RECURRENT = [layers[name] for name in ("RNN", "LSTM", "GRU")]
ADDED = {(cls, "output") for cls in RECURRENT}


def _signature(theirs: type[nn.Module]) -> dict[str, object]:
    """The arguments of a class of torch's and their defaults; its recurrent classes hide them in a base."""
    found: dict[str, object] = {}
    if issubclass(theirs, nn.RNNBase):
        found = _signature(nn.RNNBase) if theirs is not nn.RNNBase else {}
        found = {name: value for name, value in found.items() if name != "mode"}
        found |= {"nonlinearity": "tanh"} if theirs is nn.RNN else {}
        if theirs not in (nn.LSTM, nn.RNNBase):
            del found["proj_size"]
    return found | {
        name: argument.default
        for name, argument in inspect.signature(theirs).parameters.items()
        if argument.kind not in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD)
    }


@every_layer
def test_fields_are_pytorchs_own(cls: type[Layer]) -> None:
    theirs = getattr(nn, cls.__name__, None)
    if theirs is None:
        assert cls.__module__.rpartition(".")[2] in OURS, "only the wiring is ours"
        return
    signature = _signature(theirs)
    ours = {name: info for name, info in cls.model_fields.items() if (cls, name) not in ADDED}
    assert set(ours) | (set(cls.refused) & set(signature)) == set(signature)
    assert set(ours).isdisjoint(cls.refused)
    assert set(cls.refused) - set(REFUSED) <= {*signature, "output_size"}  # an argument of the call
    assert all(reason.endswith(".") for reason in cls.refused.values())
    follow = {name for e in cls.accepts for name in _layer(cls, e).infer(*_types(e)).sizes}
    for name, info in ours.items():
        required = signature[name] is inspect.Parameter.empty
        if (cls.__name__, name) == ("Unflatten", "dim"):  # has a default where PyTorch has none
            assert required and not info.is_required()
        elif name in follow:
            assert required and info.default is None, f"`{name}` follows from the input"
        else:
            assert info.is_required() == required, name
            assert required or info.default == signature[name], name


@every_layer
def test_the_snake_name_is_pytorchs_where_there_is_one(cls: type[Layer]) -> None:
    assert cls.snake == cls.snake.lower() and cls.snake.isidentifier()
    assert cls.snake.replace("_", "") == cls.__name__.lower()
    same = [f for f in dir(functional) if f.replace("_", "") == cls.__name__.lower() and f[0] != "_" != f[-1]]
    assert not same or cls.snake in same


def test_snake_names_differ() -> None:
    assert len({cls.snake for cls in LAYERS}) == len(LAYERS)


@every_layer
@speed_warnings
def test_shapes_and_multiply_adds_are_torchs(cls: type[Layer]) -> None:
    for example in cls.accepts:
        layer, types = _layer(cls, example), _types(example)
        inferred = layer.infer(*types)
        module = _module(layer, types)
        assert {name: tuple(p.shape) for name, p in module.named_parameters()} == inferred.parameters
        assert {name: tuple(b.shape) for name, b in module.named_buffers()} == inferred.buffers
        assert list(module.state_dict()) == [*inferred.parameters, *inferred.buffers]
        counter = FlopCounterMode(display=False)
        once = [_values(t, 3, steps=1) for t in types]  # figures are per step of a free axis
        module.double()  # for which there are no fused kernels, which are not counted
        with sdpa_kernel(SDPBackend.MATH), counter:
            output = module(*(x.double() if x.is_floating_point() else x for x in once))
        assert tuple(output.shape) == (3, *inferred.output.sized(1)), example.text
        longer = module.float()(*(_values(t, 3, steps=6) for t in types))
        assert tuple(longer.shape) == (3, *inferred.output.sized(6)), example.text
        assert output.is_floating_point() == (inferred.output.vocabulary is None)
        assert counter.get_total_flops() == 2 * 3 * inferred.multiply_adds, example.text


@every_layer
@speed_warnings
def test_examples_do_not_mix(cls: type[Layer]) -> None:
    """In evaluation, a batch gives what its examples give alone (batch statistics apart)."""
    for example in cls.accepts:
        layer, types = _layer(cls, example), _types(example)
        if not getattr(layer, "track_running_stats", True) or cls.__name__ == "MinibatchStdDev":
            continue
        module = _module(layer, types).eval()
        batch = [_values(t, 3) for t in types]
        alone = torch.cat([module(*(x[i : i + 1] for x in batch)) for i in range(3)])
        torch.testing.assert_close(module(*batch), alone)


@every_layer
@speed_warnings
def test_padding_is_as_if_it_were_not_there(cls: type[Layer]) -> None:
    """Each example of a padded batch gives what it gives alone, and nothing flows back to its padding."""
    lengths = torch.tensor([2, 6, 1])
    examples = [e for e in cls.accepts if _layer(cls, e).infer(*_types(e)).over is not None]
    assert cls.masks == bool(examples), "a layer that masks has an example with a free axis"
    for example in examples:
        layer, types = _layer(cls, example), _types(example)
        module = _module(layer, types).eval().double()
        x = _values(types[0], 3, steps=6).double().requires_grad_()
        found = module(x, lengths)
        alone = [module(x[i : i + 1, :n])[0] for i, n in enumerate(lengths.tolist())]
        own = [y[:n] for y, n in zip(found, lengths.tolist(), strict=True)]
        kept = layer.infer(*types).output.free
        for one, other in zip(own if kept else found, alone, strict=True):
            torch.testing.assert_close(one, other)
        torch.testing.assert_close(module(x, torch.full((3,), 6)), module(x))
        (gradient,) = torch.autograd.grad(sum((y**2).sum() for y in (own if kept else found)), x)
        (wanted,) = torch.autograd.grad(sum((y**2).sum() for y in alone), x)
        torch.testing.assert_close(gradient, wanted)
        assert not gradient[0, 2:].any() and not gradient[2, 1:].any()


@every_layer
def test_tokens_reach_only_what_reads_them(cls: type[Layer]) -> None:
    example = cls.accepts[0]
    tokens = [TensorType(t.shape, vocabulary=10) for t in _types(example)]
    if cls.__name__ in ("Embedding", "OneHot", "Identity"):
        assert cls.__name__ != "Identity" or _layer(cls, example).infer(*tokens).output == tokens[0]
        return
    with pytest.raises(Cause, match=f"^`{cls.__name__}` needs real numbers, and {tokens[0]} arrive"):
        _layer(cls, example).infer(*tokens)


@every_layer
def test_several_inputs_reach_only_what_merges(cls: type[Layer]) -> None:
    example = cls.accepts[0]
    layer, types = _layer(cls, example), _types(example)
    count = 1 if cls.merges else 2
    sentence = "merges two inputs(?: or more)?, found 1" if cls.merges else "takes one input, found 2"
    with pytest.raises(Cause, match=f"^`{cls.__name__}` {sentence}"):
        layer.infer(*types[:1] * count)


class _Side(nn.Module):
    """Modules side by side, each with its own inputs: one export proves many."""

    def __init__(self, modules: list[nn.Module], arities: list[int]) -> None:
        super().__init__()
        self.each = nn.ModuleList(modules)
        self.arities = arities

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        given = iter(inputs)
        pairs = zip(self.each, self.arities, strict=True)
        return tuple(module(*islice(given, arity)) for module, arity in pairs)


def _free(arrives: TensorType) -> dict[int, Any]:
    """The axes that an exporter leaves free."""
    sizes = ("N", *arrives.shape)
    return {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(sizes) if isinstance(size, str)}


def _exports() -> list[list[type[Layer]]]:
    """The layer types that share an export: another graph costs more than most of what is in it. Loops take longest."""
    others = [cls for cls in LAYERS if cls not in RECURRENT]
    return [[cls] for cls in RECURRENT] + [others[start : start + 25] for start in range(0, len(others), 25)]


@speed_warnings
@pytest.mark.parametrize("together", _exports(), ids=lambda classes: f"{_id(classes[0])}-{_id(classes[-1])}")
def test_onnx_is_torch(together: list[type[Layer]]) -> None:
    """All accepted examples, exported as one graph with a free batch axis, at two batch sizes."""
    torch.manual_seed(0)
    cases = [(cls, e) for cls in together for e in cls.accepts]
    types = [_types(example) for _, example in cases]
    modules = [_module(_layer(*case), t) for case, t in zip(cases, types, strict=True)]
    side = _Side(modules, [len(t) for t in types]).eval()
    arrive = [one for t in types for one in t]
    with warnings.catch_warnings(), io.BytesIO() as stream:
        warnings.simplefilter("ignore")  # the exporter's own, about torch's internals
        given, free = tuple(_values(t, 3) for t in arrive), (tuple(_free(t) for t in arrive),)
        program = torch.onnx.export(
            side, given, dynamo=True, external_data=False, verbose=False, dynamic_shapes=free
        )
        assert program is not None
        program.save(stream)
        session = onnxruntime.InferenceSession(stream.getvalue(), providers=["CPUExecutionProvider"])
    assert all(isinstance(x.shape[0], str) for x in session.get_inputs()), "the batch axis is free"
    for batch, steps in ((1, 7), (5, 3)):
        inputs = [_values(t, batch, steps) for t in arrive]
        names = [x.name for x in session.get_inputs()]
        found = session.run(None, {n: x.numpy() for n, x in zip(names, inputs, strict=True)})
        with torch.no_grad():
            wanted = side(*inputs)
        for (cls, example), theirs, ours in zip(cases, found, wanted, strict=True):
            np.testing.assert_allclose(
                theirs, ours.numpy(), rtol=1e-4, atol=1e-5, err_msg=f"{cls.__name__}: {example.text}"
            )
