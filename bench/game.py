"""A DCGAN on MNIST5k: the game as a tutorial writes it, as somebody writes it who has measured, and `train`.

    python bench/game.py [--rounds 3] [--epochs 2]

All see the same 4,500 digits, networks, batch size, losses and optimisers. `train` is timed from its first
epoch's start to its last checkpoint: its figures, grids of samples and checkpoints count.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch
from timing import interleaved, report
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.utils.data import DataLoader, TensorDataset

from builder import load
from builder.runtime import train
from builder.runtime.data.splits import load_splits
from builder.runtime.training.events import CheckpointSaved, EpochStarted, Event

SPEC = Path(__file__).parent.parent / "specs" / "models" / "dcgan_mnist5k.yaml"
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BETAS = (0.5, 0.999)


def players() -> tuple[nn.Sequential, nn.Sequential]:
    """Generator and discriminator by hand."""
    torch.manual_seed(0)
    generator = nn.Sequential(
        nn.Linear(100, 6272, bias=False), nn.Unflatten(1, (128, 7, 7)), nn.BatchNorm2d(128), nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(6272, 1),
    )  # fmt: skip
    return generator.to(DEVICE), discriminator.to(DEVICE)


def as_tutorials_do(x: Tensor, epochs: int) -> None:
    """PyTorch's DCGAN tutorial: BCE on probabilities, two backward passes, figures read in every step."""
    generator, critic = players()
    criterion = nn.BCELoss()
    of_critic = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=BETAS)
    of_generator = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=BETAS)
    for _ in range(epochs):
        for (real,) in DataLoader(TensorDataset(x), batch_size=64, shuffle=True):
            real = real.to(DEVICE)
            ones, zeros = (torch.full((len(real),), value, device=DEVICE) for value in (1.0, 0.0))
            critic.zero_grad()
            score = torch.sigmoid(critic(real)).view(-1)
            on_real = criterion(score, ones)
            on_real.backward()
            made = generator(torch.randn(len(real), 100, device=DEVICE))
            on_made = criterion(torch.sigmoid(critic(made.detach())).view(-1), zeros)
            on_made.backward()
            of_critic.step()
            generator.zero_grad()
            loss = criterion(torch.sigmoid(critic(made)).view(-1), ones)
            loss.backward()
            of_generator.step()
            _ = (score.mean().item(), on_real.item() + on_made.item(), loss.item())


def as_measured(x: Tensor, epochs: int) -> None:
    """Batches by indexing, fused Adam, logits, no gradients that nobody reads."""
    generator, critic = players()
    of_critic = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=BETAS, fused=True)
    of_generator = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=BETAS, fused=True)
    x = x.to(DEVICE)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x), device=DEVICE).split(64):
            made = generator(torch.randn(len(chosen), 100, device=DEVICE))
            of_critic.zero_grad()
            loss = softplus(-critic(x[chosen])).mean() + softplus(critic(made.detach())).mean()
            loss.backward()
            of_critic.step()
            of_generator.zero_grad()
            torch.autograd.backward(softplus(-critic(made)).mean(), inputs=list(generator.parameters()))
            of_generator.step()


def main() -> None:
    """Runs the comparison and prints it."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--epochs", type=int, default=2)
    asked = options.parse_args()
    spec = load(SPEC, sets=(f"train.epochs={asked.epochs}", "train.metrics=[]"))
    assert spec.data is not None
    x = load_splits(spec.data, spec.folder).train.x

    def ours() -> float:
        times: list[float] = []

        def watch(event: Event) -> None:
            if isinstance(event, EpochStarted | CheckpointSaved):
                times.append(time.perf_counter())

        with tempfile.TemporaryDirectory() as folder:
            train(spec, Path(folder) / "run", watch=watch)
        return times[-1] - times[0]

    found = interleaved(
        {
            "as tutorials do (a)": lambda: as_tutorials_do(x, asked.epochs),
            "as measured (b)": lambda: as_measured(x, asked.epochs),
            "gradspec train": ours,
        },
        asked.rounds,
        warm=0,
    )
    title = f"DCGAN, {len(x)} digits, {asked.epochs} epochs, {DEVICE.type}, {torch.get_num_threads()} threads"
    report(f"{title}: against (a)", found, "as tutorials do (a)")
    report(f"{title}: against (b)", found, "as measured (b)")


if __name__ == "__main__":
    main()
