"""Graphs per shape: the buckets with a made capture on any machine, the real one where there is a GPU."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
import torch
from torch import Tensor

from builder.cells.cell import Cell
from builder.runtime.cells import cuda_graphs
from builder.runtime.cells.cuda_graphs import Call, Graphed
from builder.runtime.cells.module import CellModule

PEEPHOLE = """
states: [h, c]
parameters: {p: vector}
gates:
  i: sigmoid(W @ x + U @ h_prev + p * c_prev + b)
  g: tanh(W @ x + U @ h_prev + b)
update: {c: (1 - i) * c_prev + i * g, h: tanh(c)}
"""


class Made:
    """A capture without a GPU: a replay works out anew and writes into the same memory."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, call: Call) -> tuple[tuple[Tensor, ...], Callable[[], None]]:
        self.count += 1
        found = call()

        def replay() -> None:
            for into, one in zip(found, call(), strict=True):
                into.data.copy_(one)

        return found, replay


def product(
    weights: Mapping[str, Tensor],
    x: Tensor,
    states: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """A run whose backward reads its inputs alone; its last state never needs a gradient."""
    ends = states[0] if lengths is None else states[0] + lengths[:, None]
    return weights["w"] * x + ends[:, None], (weights["w"] * x[:, -1], torch.ones(len(x)))


@pytest.fixture
def anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_graphs, "_obstacle", lambda x: "")


def given(batch: int = 2, steps: int = 3, seed: int = 0) -> tuple[dict[str, Tensor], Tensor, list[Tensor]]:
    torch.manual_seed(seed)
    weights = {"w": torch.randn(4, dtype=torch.float64, requires_grad=True)}
    x = torch.randn(batch, steps, 4, dtype=torch.float64, requires_grad=True)
    return weights, x, [torch.randn(batch, 4, dtype=torch.float64)]


Run = Callable[..., tuple[Tensor, tuple[Tensor, ...]]]


def outcome(run: Run, seed: int, lengths: Tensor | None = None, *, twice: bool = False) -> list[Tensor]:
    """Outputs and gradients, or the gradients of those."""
    weights, x, states = given(seed=seed)
    y, finals = run(weights, x, states, lengths, False)
    loss = (y**3).sum() + finals[0].sin().sum() + finals[1].sum()
    asked = [weights["w"], x]
    gradients = torch.autograd.grad(loss, asked, create_graph=twice)
    if twice:
        gradients = torch.autograd.grad(sum(one.sin().sum() for one in gradients), asked)  # type: ignore[arg-type]
    return [y, *finals, *gradients]


@pytest.mark.usefixtures("anywhere")
def test_a_shape_is_captured_when_it_comes_again() -> None:
    made = Made()
    graphed = Graphed(product, made)
    for turn in range(4):
        for one, other in zip(outcome(graphed, turn), outcome(product, turn), strict=True):
            torch.testing.assert_close(one, other)
        assert made.count == (0 if turn == 0 else 2)  # forwards and backwards


@pytest.mark.usefixtures("anywhere")
def test_lengths_are_an_input() -> None:
    graphed = Graphed(product, Made())
    for lengths in ([3, 1], [2, 2], [1, 3]):
        ours, theirs = (outcome(one, 0, torch.tensor(lengths)) for one in (graphed, product))
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.usefixtures("anywhere")
def test_gradients_of_gradients() -> None:
    graphed = Graphed(product, Made())
    for turn in range(3):
        ours, theirs = (outcome(one, turn, twice=True) for one in (graphed, product))
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.usefixtures("anywhere")
def test_two_calls_and_then_their_gradients() -> None:
    graphed = Graphed(product, Made())
    for run in (graphed, graphed, graphed):
        first, second = given(seed=1), given(seed=2)
        y = run(*first)[0].exp().sum() + run(*second)[0].sin().sum()
        asked = [first[0]["w"], first[1], second[0]["w"], second[1]]
        ours = torch.autograd.grad(y, asked)
        expected = product(*first, None, False)[0].exp().sum() + product(*second, None, False)[0].sin().sum()
        for one, other in zip(ours, torch.autograd.grad(expected, asked), strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.usefixtures("anywhere")
def test_outputs_stay_when_the_bucket_is_used_again() -> None:
    graphed = Graphed(product, Made())
    kept = [graphed(*given(seed=seed))[0].detach() for seed in range(3)]
    for seed, one in enumerate(kept):
        torch.testing.assert_close(one, product(*given(seed=seed), None, False)[0])


@pytest.mark.usefixtures("anywhere")
def test_with_and_without_gradients_are_two_buckets() -> None:
    made = Made()
    graphed = Graphed(product, made)
    for _ in range(3):
        with torch.no_grad():
            assert not graphed(*given())[0].requires_grad
        with torch.inference_mode():
            graphed(*given())
        assert graphed(*given())[0].requires_grad
    assert made.count == 4


@pytest.mark.usefixtures("anywhere")
def test_the_bucket_that_was_used_last_is_given_up_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_graphs, "_MOST", 2)
    made = Made()
    graphed = Graphed(product, made)

    def seen(*steps: int) -> int:
        with torch.no_grad():
            for one in steps:
                graphed(*given(steps=one))
        return made.count

    assert seen(1, 1, 2, 2) == 2
    assert seen(1, 3, 3) == 3  # 2 goes
    assert seen(1, 3) == 3
    assert seen(2) == 3  # once again a first time
    assert seen(2) == 4


@pytest.mark.usefixtures("anywhere")
def test_a_capture_that_fails_says_so_once() -> None:
    def fails(call: Call) -> tuple[tuple[Tensor, ...], Callable[[], None]]:
        raise RuntimeError("operation not permitted\nwhen stream is capturing")

    graphed = Graphed(product, fails)
    graphed(*given())
    with pytest.warns(UserWarning, match="No CUDA graph could be captured: operation not permitted"):
        graphed(*given())
    y, _ = graphed(*given())
    torch.testing.assert_close(y, product(*given(), None, False)[0])
    assert "operation not permitted" in graphed.reason


def test_on_a_processor_nothing_is_captured() -> None:
    made = Made()
    graphed = Graphed(product, made)
    for _ in range(3):
        graphed(*given())
    assert (made.count, graphed.reason) == (0, "CUDA graphs need a CUDA device.")


@pytest.mark.usefixtures("anywhere")
def test_a_copy_captures_its_own() -> None:
    made = Made()
    graphed = Graphed(product, made)
    for one in (graphed, graphed, copy.deepcopy(graphed), pickle.loads(pickle.dumps(graphed))):
        one(*given())
    assert made.count == 2


@pytest.fixture
def pair(cell: Callable[..., Cell]) -> Iterator[tuple[CellModule, CellModule]]:
    """Two equal layers on the GPU, one with graphs and one step by step."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    made = cell(PEEPHOLE)
    ours = CellModule(made, 5, 7, num_layers=2, bidirectional=True).cuda().double()
    theirs = CellModule(made, 5, 7, num_layers=2, bidirectional=True, way="plain").cuda().double()
    theirs.load_state_dict(ours.state_dict())
    yield ours, theirs
    assert not ours._run.reason, ours._run.reason


@pytest.mark.gpu
@pytest.mark.parametrize("padded", [False, True])
def test_training_as_step_by_step(pair: tuple[CellModule, CellModule], padded: bool) -> None:
    losses: list[list[float]] = []
    for module in pair:
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        losses.append([])
        for turn in range(6):
            torch.manual_seed(turn)
            x = torch.randn(4, 9, 5, dtype=torch.float64, device="cuda")
            lengths = torch.randint(1, 10, (4,)) if padded else None
            optimizer.zero_grad()
            loss = module(x, lengths).square().sum()
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)
    for one, other in zip(*(module.parameters() for module in pair), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.gpu
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_inference_as_step_by_step(pair: tuple[CellModule, CellModule], mode: Callable[[], object]) -> None:
    with mode():  # type: ignore[attr-defined]
        for turn in range(4):
            x = torch.randn(3, 6, 5, dtype=torch.float64, device="cuda") + turn
            ours, theirs = (module.unroll(x) for module in pair)
            torch.testing.assert_close(ours, theirs)


@pytest.mark.gpu
def test_truncated_backpropagation_as_step_by_step(pair: tuple[CellModule, CellModule]) -> None:
    for turn in range(4):
        torch.manual_seed(turn)
        x = torch.randn(3, 8, 5, dtype=torch.float64, device="cuda")
        gradients = []
        for module in pair:
            first, states = module.unroll(x[:, :4])
            second, _ = module.unroll(x[:, 4:], None, states)
            loss = first.square().sum() + second.sin().sum()
            gradients.append(torch.autograd.grad(loss, list(module.parameters())))
        torch.testing.assert_close(*gradients)
