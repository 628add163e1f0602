"""Attacks beside torchattacks and Foolbox: the same LeNet, the same batch, the same steps.

    python bench/attacks.py [--rounds 7] [--batch 256] [--only PGD FGSM] [--device cpu]

PGD in 40 steps, FGSM, DeepFool in at most 10 steps, CW in 20 steps of one constant. Every contender is held to ours
in the same round; `reached` is the share misclassified after it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import foolbox
import torch
import torchattacks
from timing import interleaved, report
from torch import Tensor, nn

from builder.runtime import attack

Attacked = Callable[[], Tensor]


def lenet() -> nn.Sequential:
    """LeNet-5, as `bench/train.py` has it."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip


def contenders(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, dict[str, Attacked]]:
    """For each attack, ours first."""
    model = foolbox.PyTorchModel(net, bounds=(0, 1), device=x.device)
    theirs = foolbox.attacks

    def of_foolbox(made: object, eps: float | None) -> Attacked:
        return lambda: made(model, x, y, epsilons=eps)[1]  # type: ignore[operator, no-any-return]

    pgd = {"eps": 0.3, "alpha": 0.01, "steps": 40, "random_start": False}
    cw = {"c": 1.0, "lr": 0.01, "steps": 20}
    return {
        "PGD": {
            "ours": lambda: attack(net, x, y, {"PGD": pgd}),
            "torchattacks": lambda: torchattacks.PGD(net, **pgd)(x, y),
            "Foolbox": of_foolbox(theirs.LinfPGD(abs_stepsize=0.01, steps=40, random_start=False), 0.3),
        },
        "FGSM": {
            "ours": lambda: attack(net, x, y, {"FGSM": {"eps": 0.3}}),
            "torchattacks": lambda: torchattacks.FGSM(net, eps=0.3)(x, y),
            "Foolbox": of_foolbox(theirs.LinfFastGradientAttack(random_start=False), 0.3),
        },
        "DeepFool": {
            "ours": lambda: attack(net, x, y, {"DeepFool": {"steps": 10}}),
            "torchattacks": lambda: torchattacks.DeepFool(net, steps=10)(x, y),
            "Foolbox": of_foolbox(theirs.L2DeepFoolAttack(steps=10), None),
        },
        "CW": {
            "ours": lambda: attack(net, x, y, {"CW": cw | {"binary_search_steps": 1}}),
            "torchattacks": lambda: torchattacks.CW(net, **cw)(x, y),
            "Foolbox": of_foolbox(
                theirs.L2CarliniWagnerAttack(binary_search_steps=1, steps=20, initial_const=1.0), None
            ),
        },
    }


def timed(run: Attacked) -> Callable[[], object]:
    """The attack, until the device has done it."""

    def wait() -> None:
        if run().is_cuda:
            torch.cuda.synchronize()

    return wait


def main() -> None:
    """Runs the comparisons and prints them."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--batch", type=int, default=256)
    options.add_argument("--only", nargs="*", default=["PGD", "FGSM", "DeepFool", "CW"])
    options.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    asked = options.parse_args()
    device = torch.device(asked.device)
    net = lenet().to(device).eval()
    x = torch.rand(asked.batch, 1, 28, 28).to(device)
    y = net(x).argmax(1)
    print(f"{device}, {torch.get_num_threads()} threads, torch {torch.__version__}, batch {asked.batch}")
    for name, runs in contenders(net, x, y).items():
        if name in asked.only:
            found = interleaved({who: timed(run) for who, run in runs.items()}, asked.rounds, warm=2)
            report(name, found, "ours")
            for who, run in runs.items():
                print(f"    {who}: reached {float((net(run()).argmax(1) != y).double().mean()):.3f}")


if __name__ == "__main__":
    main()
