"""LeNet-5 on MNIST5k, 4,000 digits, 10 epochs: a DataLoader loop, an indexing loop, and `train`.

    python bench/train.py [--rounds 7] [--epochs 10]

All three see the same tensors, batch size, loss and Adam, and hold the weights against the same 1,000 test
digits. `train` is timed from its first epoch's start to its last checkpoint: its metrics, checkpoints and
events count, reading the data and exporting do not (the whole call is given beside it).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from timing import interleaved, report
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from builder import load
from builder.runtime import train
from builder.runtime.data.splits import load_splits
from builder.runtime.training.events import CheckpointSaved, EpochStarted, Event

SPEC = Path(__file__).parent.parent / "specs" / "models" / "lenet5_mnist5k.yaml"
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def lenet() -> nn.Sequential:
    """LeNet-5 by hand."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    ).to(DEVICE)  # fmt: skip


def with_loader(x: Tensor, y: Tensor, epochs: int) -> nn.Module:
    """What tutorials write."""
    net, criterion = lenet(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
    for _ in range(epochs):
        total = 0.0
        for images, labels in loader:
            images, labels = images.to(DEVICE), labels.to(DEVICE)
            optimizer.zero_grad()
            loss = criterion(net(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
    return net


def with_indices(x: Tensor, y: Tensor, epochs: int) -> nn.Module:
    """What somebody writes who has measured: data on the device, batches by indexing, a fused Adam."""
    net, criterion = lenet(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    x, y = x.to(DEVICE), y.to(DEVICE)
    for _ in range(epochs):
        total = torch.zeros((), device=DEVICE)
        for chosen in torch.randperm(len(x), device=DEVICE).split(64):
            optimizer.zero_grad()
            loss = criterion(net(x[chosen]), y[chosen])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        total.item()
    return net


def main() -> None:
    """Runs the comparison and prints it."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--epochs", type=int, default=10)
    asked = options.parse_args()
    spec = load(SPEC, sets=(f"train.epochs={asked.epochs}", "train.scheduler=null", "data.batch_size=64"))
    assert spec.data is not None
    splits = load_splits(spec.data, spec.folder)
    assert splits.test is not None
    x, y, tx, ty = splits.train.x, splits.train.y, splits.test.x, splits.test.y
    accuracy: dict[str, list[float]] = {}
    whole: list[float] = []

    def judged(name: str, net: nn.Module) -> None:
        with torch.inference_mode():
            right = (net.eval()(tx.to(DEVICE)).argmax(1).cpu() == ty).float().mean()
        accuracy.setdefault(name, []).append(float(right))

    def by_hand(name: str, loop: object) -> float:
        started = time.perf_counter()
        net = loop(x, y, asked.epochs)  # type: ignore[operator]
        taken = time.perf_counter() - started
        judged(name, net)
        return taken

    def ours() -> float:
        times: list[float] = []

        def watch(event: Event) -> None:
            if isinstance(event, EpochStarted | CheckpointSaved):
                times.append(time.perf_counter())

        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            run = train(spec, Path(folder) / "run", watch=watch)
            whole.append(time.perf_counter() - started)
        judged("gradspec train", run.module)
        return times[-1] - times[0]

    found = interleaved(
        {
            "DataLoader loop by hand (a)": lambda: by_hand("DataLoader loop by hand (a)", with_loader),
            "indexing loop by hand (b)": lambda: by_hand("indexing loop by hand (b)", with_indices),
            "gradspec train": ours,
        },
        asked.rounds,
    )
    title = (
        f"LeNet-5, {len(x)} digits, {asked.epochs} epochs, {DEVICE.type}, {torch.get_num_threads()} threads"
    )
    report(f"{title}: against (a)", found, "DataLoader loop by hand (a)")
    report(f"{title}: against (b)", found, "indexing loop by hand (b)")
    print(f"\n  the whole call, data and export too: {statistics.median(whole):.2f} s")
    for name, values in accuracy.items():
        print(f"  test accuracy, {name}: {statistics.median(values):.3f}")


if __name__ == "__main__":
    main()
