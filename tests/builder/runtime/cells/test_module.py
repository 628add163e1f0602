"""The module of a cell against torch's own layers, and every way against the plain one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from builder.cells.cell import Cell
from builder.cells.reader import read_cells
from builder.errors import Report
from builder.language.source import read_text
from builder.runtime.cells.module import CellModule

LSTM = """
Written:
  states: [h, c]
  gates:
    i: sigmoid(W @ [h_prev, x] + b)
    f: sigmoid(W @ [h_prev, x] + b)
    o: sigmoid(W @ [h_prev, x] + b)
    g: tanh(W @ [h_prev, x] + b)
  update: {c: f * c_prev + i * g, h: o * tanh(c)}
"""
GRU = """
Written:
  states: [h]
  gates:
    r: sigmoid(W @ x + U @ h_prev + b)
    z: sigmoid(W @ x + U @ h_prev + b)
    n: tanh(W @ x + b + r * (U @ h_prev + b_h))
  update: {h: n + z * (h_prev - n)}
"""
PEEPHOLE = """
Written:
  states: [h, c]
  parameters: {p: vector}
  gates:
    i: sigmoid(W @ x + U @ h_prev + p * c_prev + b)
    f: sigmoid(W @ x + U @ h_prev + p * c_prev + b)
    g: tanh(W @ x + U @ h_prev + b)
    o: sigmoid(W @ x + U @ h_prev + p * c + b)
  update: {c: f * c_prev + i * g, h: o * tanh(c)}
"""
ELMAN = "Written: {states: [h], update: {h: tanh(W @ x + U @ h_prev + b)}}"
LINEAR = """
Written:
  states: [h, c]
  gates: {f: sigmoid(W @ x + b), g: tanh(W @ x)}
  update: {c: f * c_prev + (1 - f) * g, h: tanh(c)}
"""
CARRYING = """
Written:
  states: [h]
  gates: {i: sigmoid(W @ x + R @ i_prev + b)}
  update: {h: i * tanh(W @ x + U @ h_prev)}
"""
ALL = {"LSTM": LSTM, "GRU": GRU, "Peephole": PEEPHOLE, "Elman": ELMAN, "Linear": LINEAR, "Carrying": CARRYING}
LENGTHS = torch.tensor([2, 6, 0, 4])
SUFFIX = {0: "", 1: "_reverse"}


def read(text: str) -> Cell:
    report = Report()
    (cell,) = read_cells(read_text(text).root, report).values()
    assert cell is not None, report.errors
    return cell


def double(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def made(text: str, *sizes: int, **options: Any) -> CellModule:
    module = CellModule(read(text), *sizes, **options).double()
    with torch.no_grad():
        for seed, parameter in enumerate(module.parameters()):
            parameter.copy_(double(*parameter.shape, seed=seed) / 2)
    return module


def copied_lstm(module: CellModule, inputs: int, hidden: int, layers: int, both: bool) -> nn.LSTM:
    lstm = nn.LSTM(inputs, hidden, layers, batch_first=True, bidirectional=both, dtype=torch.float64)
    state = module.state_dict()
    single = layers == 1 and not both
    for layer in range(layers):
        for direction in range(1 + both):
            suffix = f"l{layer}{SUFFIX[direction]}"
            own = {
                k.removeprefix(f"{suffix}."): v
                for k, v in state.items()
                if single or k.startswith(f"{suffix}.")
            }
            weights = [own[f"{gate}.W"] for gate in "ifgo"]
            with torch.no_grad():
                getattr(lstm, f"weight_hh_{suffix}").copy_(torch.cat([w[:, :hidden] for w in weights]))
                getattr(lstm, f"weight_ih_{suffix}").copy_(torch.cat([w[:, hidden:] for w in weights]))
                getattr(lstm, f"bias_ih_{suffix}").copy_(torch.cat([own[f"{gate}.b"] for gate in "ifgo"]))
                getattr(lstm, f"bias_hh_{suffix}").zero_()
    return lstm


@pytest.mark.parametrize("way", ["lowered", "plain", "loop"])
@pytest.mark.parametrize(("layers", "both"), [(1, False), (1, True), (2, False), (3, True)])
def test_is_torchs_lstm(way: Any, layers: int, both: bool) -> None:
    """With torch's weights: outputs and final states, with and without lengths."""
    module = made(LSTM, 3, 5, num_layers=layers, bidirectional=both, way=way)
    lstm = copied_lstm(module, 3, 5, layers, both)
    x = double(4, 6, 3)
    output, (h, c) = module.unroll(x)
    expected, (h_n, c_n) = lstm(x)
    torch.testing.assert_close(output, expected)
    for ours, torchs in ((h, h_n), (c, c_n)):
        sides = torchs.unflatten(0, (layers, 1 + both)).unbind(1)
        torch.testing.assert_close(ours, torch.cat(sides, dim=-1))
    lengths = torch.tensor([2, 6, 1, 4])
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=6)
    torch.testing.assert_close(module(x, lengths), expected)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize(("layers", "both"), [(1, False), (2, True)])
@pytest.mark.parametrize("name", ALL)
def test_is_the_plain_way(name: str, layers: int, both: bool, lengths: Tensor | None) -> None:
    """Outputs, states and gradients of everything, from given states and from learned ones."""
    options: dict[str, Any] = {"num_layers": layers, "bidirectional": both, "initial": "learned"}
    module, plain = (made(ALL[name], 3, 5, way=way, **options) for way in (None, "plain"))
    assert plain.way == "plain" and module.way != "plain"
    x = double(4, 6, 3).requires_grad_()
    given = [double(layers, 4, 5 * (1 + both), seed=9 + k) for k in range(len(module.state_names))]
    for states in ((), given):
        found, wanted = (one.unroll(x, lengths, states) for one in (module, plain))
        compare((found[0], *found[1]), (wanted[0], *wanted[1]))
        gradients = [
            torch.autograd.grad(
                out.square().sum() + sum(s.square().sum() for s in final),
                [x, *one.parameters()],
                allow_unused=True,
                materialize_grads=True,
            )
            for one, (out, final) in ((module, found), (plain, wanted))
        ]
        compare(*gradients)


def compare(found: Any, wanted: Any) -> None:
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_ways() -> None:
    ways = {name: made(text, 3, 5).way for name, text in ALL.items()}
    assert ways == {
        "LSTM": "lowered", "GRU": "lowered", "Elman": "lowered",
        "Peephole": "loop", "Carrying": "loop", "Linear": "scan",
    }  # fmt: skip
    assert made(GRU, 3, 5).reason == "It equals nn.GRU: outputs and gradients agree in float64."
    with pytest.raises(ValueError, match="equals none of torch's layers"):
        made(PEEPHOLE, 3, 5, way="lowered")


@pytest.mark.parametrize("name", ["LSTM", "GRU", "Elman"])
@pytest.mark.parametrize("output", ["sequence", "last"])
def test_padded_without_packing(name: str, output: Any) -> None:
    """Where only the output is asked for, lowered cells are not packed on the CPU; padding is not read."""
    options: dict[str, Any] = {"num_layers": 2, "bidirectional": True, "initial": "learned", "output": output}
    module, plain = (made(ALL[name], 3, 5, way=way, **options) for way in (None, "plain"))
    strange = double(4, 6, 3)
    strange[0, 2:] = float("nan")
    compare([module(strange, LENGTHS)], [plain(strange, LENGTHS)])
    gradients = [
        torch.autograd.grad(one(x, LENGTHS).square().sum(), list(one.parameters()))
        for one, x in ((module, strange), (plain, strange.nan_to_num()))
    ]
    compare(*gradients)


def test_names_and_first_weights() -> None:
    """Names of one layer and of several; uniform in ±1/√hidden_size; first states zero."""
    torch.manual_seed(0)
    one = CellModule(read(ELMAN), 3, 16, initial="learned")
    assert list(one.state_dict()) == ["h.W", "h.U", "h.b", "h.initial"]
    assert not one.state_dict()["h.initial"].any()
    largest = max(one.state_dict()[name].abs().max().item() for name in ("h.W", "h.U", "h.b"))
    assert 0.2 < largest <= 0.25
    two = CellModule(read(ELMAN), 3, 16, num_layers=2, bidirectional=True)
    assert [name for name in two.state_dict() if name.endswith("W")] == [
        "l0.h.W", "l0_reverse.h.W", "l1.h.W", "l1_reverse.h.W",
    ]  # fmt: skip
    assert two.state_dict()["l1.h.W"].shape == (16, 32)


def test_last_is_the_final_state() -> None:
    for text in (LSTM, PEEPHOLE):
        sequence = made(text, 3, 5, bidirectional=True)
        last = made(text, 3, 5, bidirectional=True, output="last")
        x, lengths = double(3, 6, 3), torch.tensor([2, 6, 4])
        whole = sequence(x, lengths)
        ends = whole[torch.arange(3), lengths - 1, :5]
        torch.testing.assert_close(last(x, lengths), torch.cat([ends, whole[:, 0, 5:]], dim=-1))


def test_going_on_is_exact() -> None:
    """Truncated backpropagation goes on from the final states, carried gates among them."""
    module = made(CARRYING, 3, 5)
    x = double(2, 7, 3)
    whole, final = module.unroll(x)
    first, kept = module.unroll(x[:, :4])
    second, end = module.unroll(x[:, 4:], None, kept)
    compare((torch.cat([first, second], dim=1), *end), (whole, *final))
    assert module.state_names == ("h", "i")
    with pytest.raises(ValueError, match="expected the states h, i"):
        module.unroll(x, None, [*kept, *kept])


@pytest.mark.parametrize("name", ["LSTM", "Peephole"])
def test_is_a_module(name: str) -> None:
    """Copies, loads, casts, and works under torch.func; a dropout falls between layers, in training alone."""
    module = made(ALL[name], 3, 5, num_layers=2, dropout=0.5)
    x = double(4, 6, 3)
    twin = copy.deepcopy(module)
    twin.load_state_dict(module.state_dict())
    assert not torch.equal(module(x), module(x))
    module.eval(), twin.eval()
    assert torch.equal(module(x), twin(x))
    assert module.float()(x.float()).dtype == torch.float32
    module.double()
    parameters = dict(module.named_parameters())

    def loss(weights: dict[str, Tensor], one: Tensor) -> Tensor:
        called = torch.func.functional_call(module, weights, (one[None],))
        assert isinstance(called, Tensor)
        return called.square().sum()

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, x)
    module(x).square().sum().backward()
    for key, parameter in parameters.items():
        torch.testing.assert_close(each[key].sum(0), parameter.grad)


@pytest.mark.parametrize("lengths", [None, torch.zeros(0, dtype=torch.int64)])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_an_empty_batch(name: str, both: bool, lengths: Tensor | None) -> None:
    module = made(ALL[name], 3, 5, 2, bidirectional=both)
    sequence, final = module.unroll(double(0, 4, 3), lengths)
    assert sequence.shape == module(double(0, 4, 3), lengths).shape == (0, 4, 5 * (1 + both))
    assert {tuple(state.shape) for state in final} == {(2, 0, 5 * (1 + both))}
    sequence.sum().backward()


@pytest.mark.parametrize("name", ALL)
def test_what_is_no_sequence_of_its_width_says_so(name: str) -> None:
    module = made(ALL[name], 3, 5)
    for call in (module, module.unroll):
        with pytest.raises(ValueError, match="expected sequences of at least one step, found none"):
            call(double(2, 0, 3))
        with pytest.raises(ValueError, match="expected N×T×3, found 2×4×6"):
            call(double(2, 4, 6), torch.tensor([4, 1]))


def test_gradcheck() -> None:
    module = made(PEEPHOLE, 2, 2)
    x = double(2, 3, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: module(x, torch.tensor([2, 3])), (x,))
