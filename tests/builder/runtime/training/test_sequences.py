"""Sequences in training: padding counts nowhere, pieces are cut where they say, forecasts have their units."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, mean_squared_error
from torch import Tensor, nn

from builder import loads
from builder.runtime import Run, build, evaluate, predict, train
from builder.runtime.data.splits import Batch, Part, load_part, load_splits
from builder.runtime.runs.run import load_run
from builder.runtime.training.loop import Loop, pieces
from builder.runtime.training.outputs import measure, scored
from builder.spec.spec import ModelSpec

TAGGED = """
input: {shape: [T], vocabulary: $vocabulary}
layers: [{Embedding: 6}, {LSTM: {hidden_size: 5, bidirectional: true}}, {Linear: $classes}]
data: {source: {Tokens: {path: a.tsv, minimum: 1}}, split: {train: 0.5, test: 0.5}, batch_size: 4}
train: {loss: CrossEntropyLoss, optimizer: {SGD: {lr: 0.5}}, epochs: 1, metrics: [accuracy, perplexity],
        device: cpu, threads: 1}
"""
WAVES = """
input: [T, 1]
layers: [{LSTM: 4}, {Linear: 1}]
data: {source: {SineWaves: {length: 12, examples: 6}}, split: {train: 1}, batch_size: 6, shuffle: false}
train: {loss: MSELoss, optimizer: {SGD: {lr: 0.1}}, epochs: 2, device: cpu, threads: 1}
"""
SERIES = """
input: [T, 1]
layers: [{GRU: {hidden_size: 4, output: last}}, {Linear: 2}]
data: {source: {TimeSeries: {shipped: sunspots, window: 11, horizon: 2}}, preprocess: [Standardize]}
train: {loss: MSELoss, optimizer: Adam, epochs: 1, metrics: [rmse], device: cpu, threads: 1}
"""


@pytest.fixture
def tagged(tmp_path: Path) -> ModelSpec:
    """Eight sentences of one to five tokens, which are tagged by whether they hold an a."""
    words = "an apple or the berry at last so it was a big day on no map".split()
    sentences = [words[i : i + 1 + (2 * i) % 5] for i in range(4)] * 2
    lines = (
        "".join(f"{word}\t{'A' if 'a' in word else 'B'}\n" for word in sentence) for sentence in sentences
    )
    (tmp_path / "a.tsv").write_text("\n".join(lines), encoding="utf-8")
    return loads(TAGGED, folder=tmp_path)


def _part(spec: ModelSpec) -> Part:
    assert spec.data is not None
    return load_splits(spec.data, spec.folder).train


def test_a_batch_is_as_long_as_its_longest(tagged: ModelSpec) -> None:
    part = _part(tagged)
    assert part.lengths is not None and part.lengths.tolist() == [1, 3, 5, 2]
    assert [(*batch.x.shape, *batch.y.shape) for batch in part.batches(2)] == [(2, 3, 2, 3), (2, 5, 2, 5)]
    one = part.take(torch.tensor([3, 0]), part.x)
    assert one.lengths is not None and one.lengths.tolist() == [2, 1] and one.x.shape == (2, 2)


def test_the_loss_of_padded_steps_is_torchs_with_an_ignored_index(tagged: ModelSpec) -> None:
    network, part = build(tagged), _part(tagged)
    assert part.lengths is not None
    output = network(part.x, part.lengths)
    assert isinstance(output, Tensor)
    ignored = part.y.clone()
    for row, length in enumerate(part.lengths.tolist()):
        ignored[row, length:] = -7
    theirs = nn.CrossEntropyLoss(ignore_index=-7)(output.movedim(2, 1), ignored)
    ours = nn.CrossEntropyLoss()(*scored(output, Batch(part.x, part.y, part.lengths), per_step=True))
    torch.testing.assert_close(ours, theirs)


def test_gradients_of_padded_sequences_are_those_of_each_alone(tagged: ModelSpec) -> None:
    network, part = build(tagged).double(), _part(tagged)
    assert part.lengths is not None and tagged.train is not None
    criterion = nn.CrossEntropyLoss(reduction="sum")
    batch = Batch(part.x, part.y, part.lengths)
    together = criterion(*scored(network(batch.x, batch.lengths), batch, per_step=True))
    padded = torch.autograd.grad(together, list(network.parameters()))
    losses = [
        criterion(network(part.x[i : i + 1, :length])[0], part.y[i, :length])
        for i, length in enumerate(part.lengths.tolist())
    ]
    alone = torch.autograd.grad(torch.stack(losses).sum(), list(network.parameters()))
    for one, other in zip(padded, alone, strict=True):
        torch.testing.assert_close(one, other)


def test_metrics_count_real_steps_only(tagged: ModelSpec) -> None:
    network, part = build(tagged), _part(tagged)
    assert part.lengths is not None and tagged.train is not None
    found = measure(network, part, tagged.train, "train")
    guesses, targets, lost = [], [], 0.0
    for i, length in enumerate(part.lengths.tolist()):
        with torch.no_grad():
            logits = network(part.x[i : i + 1, :length])[0]
        guesses += logits.argmax(1).tolist()
        targets += part.y[i, :length].tolist()
        lost += float(nn.functional.cross_entropy(logits, part.y[i, :length], reduction="sum"))
    assert found["train_accuracy"] == accuracy_score(targets, guesses)
    assert found["train_loss"] == pytest.approx(lost / len(targets), rel=1e-6)
    assert found["train_perplexity"] == pytest.approx(np.exp(lost / len(targets)), rel=1e-6)


def test_padded_sequences_train_and_predict(tagged: ModelSpec, tmp_path: Path, no_export: None) -> None:
    run = train(tagged, tmp_path / "run")
    again = load_run(tmp_path / "run")
    assert again.preprocessing.vocabulary == run.preprocessing.vocabulary != ()
    part = load_part(tagged.data, tagged.folder, "test", run.preprocessing) if tagged.data else None
    assert part is not None and part.lengths is not None
    whole = predict(again, part.x.numpy(), part.lengths.numpy())
    assert isinstance(whole, np.ndarray)
    for row, length in enumerate(part.lengths.tolist()):
        alone = predict(again, part.x[row : row + 1, :length].numpy())
        np.testing.assert_allclose(whole[row, :length], alone[0], rtol=1e-5, atol=1e-6)
    assert evaluate(again).keys() == {"test_loss", "test_accuracy", "test_perplexity"}


# Truncated backpropagation through time


def _by_hand(spec: ModelSpec, x: Tensor, y: Tensor, steps: int, carry: bool) -> dict[str, Tensor]:
    """What somebody writes with torch alone: two epochs of pieces."""
    torch.manual_seed(0)
    lstm, linear = nn.LSTM(1, 4, batch_first=True), nn.Linear(4, 1)
    weights = [*lstm.parameters(), *linear.parameters()]
    optimizer = torch.optim.SGD(weights, lr=0.1)
    for _ in range(2):
        state = None
        for start in range(0, x.shape[1], steps):
            output, ends = lstm(x[:, start : start + steps], state)
            loss = nn.functional.mse_loss(linear(output), y[:, start : start + steps])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            state = tuple(one.detach() for one in ends) if carry else None
    named = {f"lstm_1.{name}": tensor for name, tensor in lstm.state_dict().items()}
    return named | {f"linear_1.{name}": tensor for name, tensor in linear.state_dict().items()}


@pytest.mark.parametrize("carry", [True, False])
def test_pieces_are_trained_on_as_one_writes_it_by_hand(carry: bool) -> None:
    spec = loads(WAVES, sets=("train.truncate=5", f"train.carry_state={str(carry).lower()}"))
    assert spec.data is not None and spec.train is not None
    splits = load_splits(spec.data, spec.folder)
    loop = Loop(build(spec), spec.train, splits, torch.device("cpu"))
    loop.run_epoch(None)
    loop.run_epoch(None)
    wanted = _by_hand(spec, splits.train.x, splits.train.y, 5, carry)
    found = loop.network.state_dict()
    assert found.keys() == wanted.keys()
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, wanted[name], rtol=1e-5, atol=1e-6)


def test_a_sequence_that_has_ended_is_no_part_of_the_pieces_after() -> None:
    batch = Batch(torch.zeros(2, 7), torch.zeros(2, 7), torch.tensor([2, 7]))
    found = [
        (piece.x.shape[1], piece.lengths.tolist()) for piece in pieces(batch, 3) if piece.lengths is not None
    ]
    assert found == [(3, [2, 3]), (3, [0, 3]), (1, [0, 1])]


def test_unequal_lengths_are_cut_too(tagged: ModelSpec, tmp_path: Path, no_export: None) -> None:
    text = TAGGED.replace(", bidirectional: true", "").replace(
        "epochs: 1", "epochs: 1, truncate: 2, carry_state: true"
    )
    run = train(loads(text, folder=tagged.folder), tmp_path / "run")
    assert np.isfinite([line["train_loss"] or np.nan for line in run.metrics]).all()


def test_a_run_in_pieces_is_resumed_to_the_same_bits(tmp_path: Path, no_export: None) -> None:
    sets = ("train.truncate=5", "train.carry_state=true", "data.shuffle=true", "data.batch_size=2")
    whole = train(loads(WAVES, sets=sets), tmp_path / "whole")
    train(loads(WAVES, sets=(*sets, "train.epochs=1")), tmp_path / "cut")
    resumed = train(loads(WAVES, sets=sets), tmp_path / "cut", resume=True)
    for name, tensor in whole.module.state_dict().items():
        assert torch.equal(tensor, resumed.module.state_dict()[name])


# Forecasts


@pytest.fixture
def series(tmp_path: Path, no_export: None) -> Run:
    return train(loads(SERIES), tmp_path / "run")


def test_a_forecast_is_in_the_units_of_its_table_beside_the_naive_one(series: Run) -> None:
    data = series.spec.data
    assert data is not None
    part = load_part(data, series.spec.folder, "test", series.preprocessing)
    raw = series.preprocessing.in_units(part.x), series.preprocessing.in_units(part.y).numpy()
    found = evaluate(series)
    said = predict(series, raw[0].numpy())
    assert found["test_rmse"] == pytest.approx(mean_squared_error(raw[1], said) ** 0.5, rel=1e-4)
    stays = np.repeat(raw[0][:, -1].numpy(), 2, axis=1)
    assert found["test_naive_rmse"] == pytest.approx(mean_squared_error(raw[1], stays) ** 0.5, rel=1e-4)
    written = json.loads((series.folder / "summary.json").read_text(encoding="utf-8"))
    assert written["test_naive_rmse"] == pytest.approx(found["test_naive_rmse"])


def test_what_a_forecast_needs_comes_back_from_the_run(series: Run) -> None:
    known = load_run(series.folder).preprocessing
    assert known.forecast and known.to_json() == series.preprocessing.to_json()
