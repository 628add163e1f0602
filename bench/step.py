"""One training step of a network from a spec and of the same by hand: a chain, a residual net, a tiny one.

    python bench/step.py [--rounds 15] [--steps 40]

The tiny network does next to nothing, so that what `Network.forward` itself costs is seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from timing import interleaved, report
from torch import Tensor, nn
from train import DEVICE, lenet

from builder import load, loads
from builder.runtime import build

MODELS = Path(__file__).parent.parent / "specs" / "models"
TINY = "input: [8]\nlayers: [{Linear: 8}, ReLU, {Linear: 8}, ReLU, {Linear: 8}, ReLU, {Linear: 4}]\n"


class Residual(nn.Module):
    """Two convolutions beside an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        body = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(body + x)


class Downsample(nn.Module):
    """Half the size, twice the channels, with a projection beside."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(2 * channels)
        self.conv2 = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(2 * channels)
        self.conv3 = nn.Conv2d(channels, 2 * channels, 1, stride=2, bias=False)
        self.norm3 = nn.BatchNorm2d(2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        body = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(body + self.norm3(self.conv3(x)))


class ResNet(nn.Module):
    """`specs/models/resnet_small.yaml` by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.block1, self.block2, self.down1 = Residual(8), Residual(8), Downsample(8)
        self.block3, self.down2 = Residual(16), Downsample(16)
        self.linear = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        x = F.relu(self.norm(self.conv(x)))
        x = self.down2(self.block3(self.down1(self.block2(self.block1(x)))))
        return self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))  # type: ignore[no-any-return]


class Tiny(nn.Module):
    """Four small linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.d = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.d(F.relu(self.c(F.relu(self.b(F.relu(self.a(x)))))))  # type: ignore[no-any-return]


def stepper(net: nn.Module, x: Tensor, y: Tensor, steps: int) -> Callable[[], object]:
    """So many training steps of ``net`` on one batch."""
    net = net.to(DEVICE).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, fused=True)

    def run() -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()

    return run


def main() -> None:
    """Runs the comparisons and prints them."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--steps", type=int, default=40)
    asked = options.parse_args()
    images, labels = torch.randn(64, 1, 28, 28, device=DEVICE), torch.randint(10, (64,), device=DEVICE)
    rows, four = torch.randn(4, 8, device=DEVICE), torch.randint(4, (4,), device=DEVICE)
    cases = (
        ("chain: LeNet-5, batch 64", lenet(), load(MODELS / "lenet5.yaml"), images, labels, asked.steps),
        (
            "residual: ResNet, batch 64",
            ResNet(),
            load(MODELS / "resnet_small.yaml"),
            images,
            labels,
            asked.steps,
        ),
        ("tiny: four Linear(8), batch 4", Tiny(), loads(TINY), rows, four, 20 * asked.steps),
    )
    for title, by_hand, spec, x, y, steps in cases:
        contenders = {
            "by hand": stepper(by_hand, x, y, steps),
            "from the spec": stepper(build(spec), x, y, steps),
        }
        found = interleaved(contenders, asked.rounds, warm=2)
        report(f"{title}, one step", {k: [t / steps for t in v] for k, v in found.items()}, "by hand")


if __name__ == "__main__":
    main()
