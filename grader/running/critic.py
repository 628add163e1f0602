"""The critic of samples: a small classifier trained here, and how near samples lie to real examples.

A sample is good if it lies about as near to the training examples as examples do that were held out, and if the
critic is sure which class it shows. Whether it only repeats training examples, moved ones too, is asked of
`nearest_neighbours`; what examples it covers as in Naeem et al., "Reliable Fidelity and Diversity Metrics for
Generative Models" (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from grader.exchange import Array

HIDDEN: Final = 128
EPOCHS: Final = 12
BATCH: Final = 64
SURE: Final = 0.6
NEIGHBOURS: Final = 5
FAR: Final = 1.5  # times as far as 95 % of the held-out examples are from their nearest
REPEATED: Final = 0.1  # of the distance that held-out examples have from each other: nearer samples are one
REACHED: Final = 0.2  # of an even share of all samples: then a class is reached


def trained_critic(x: Array, y: Array, classes: int, seed: int = 0) -> dict[str, Array]:
    """The weights of a classifier of examples N×…: one hidden layer, Adam, in one thread of a worker."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    inputs, labels = torch.from_numpy(x).flatten(1).float(), torch.from_numpy(y)
    mean, spread = inputs.mean(0), inputs.std()
    inputs = (inputs - mean) / spread
    network = nn.Sequential(nn.Linear(inputs.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes))
    optimizer = torch.optim.Adam(network.parameters(), 2e-3, weight_decay=1e-5)
    for _ in range(EPOCHS):
        for chosen in torch.split(torch.randperm(len(inputs)), BATCH):
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(network(inputs[chosen]), labels[chosen])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    state = {name: value.detach().numpy().copy() for name, value in network.state_dict().items()}
    return state | {"mean": mean.numpy(), "spread": spread.reshape(1).numpy()}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the critic finds of samples.

    ``good`` is the share of good samples, where an image that repeats another sample is not good. ``reached`` is
    how many modes they reach, ``coverage`` the share of examples with a sample as near as their own neighbours,
    and ``copied`` the share that repeats a training example. ``nearness`` is how far samples are from the training
    examples, over how far held-out ones are.
    """

    good: float
    reached: int | None
    coverage: float
    copied: float
    nearness: float


def surely(critic: dict[str, Array], samples: Array) -> tuple[Array, Array]:
    """The class that each sample shows, and how sure the critic is of it: N and N, in [0, 1]."""
    flat = (samples.reshape(len(samples), -1).astype(np.float64) - critic["mean"]) / critic["spread"]
    hidden = np.maximum(flat @ critic["0.weight"].T + critic["0.bias"], 0)
    logits = (hidden @ critic["2.weight"].T + critic["2.bias"]).astype(np.float64)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = odds / odds.sum(axis=1, keepdims=True)
    return shares.argmax(axis=1), shares.max(axis=1)


def near(samples: Array, held_out: Array, trained: Array) -> Array:
    """Which samples lie about as near to the training examples as held-out examples do: N, bool."""
    limit = FAR * np.quantile(distances(held_out, trained).min(axis=1), 0.95)
    within: Array = distances(samples, trained).min(axis=1) <= limit
    return within


def first_shown(samples: Array, held_out: Array) -> Array:
    """Which samples repeat none before them: N, bool. A generator that ignores its noise has few."""
    among = distances(held_out, held_out)
    np.fill_diagonal(among, np.inf)
    limit = REPEATED * float(np.median(among.min(axis=1)))
    first = np.ones(len(samples), bool)
    for place in range(1, len(samples)):
        before = samples[:place][first[:place]]
        first[place] = distances(samples[place : place + 1], before).min() >= limit
    return first


def toned(images: Array) -> Array:
    """Images N×C×H×W of mean 0 and length 1: copies that are darker or of less contrast are the same here."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.sqrt((flat * flat).sum(axis=1, keepdims=True))
    normalized: Array = (flat / np.maximum(length, 1e-9)).reshape(images.shape).astype(np.float32)
    return normalized


def covered(samples: Array, held_out: Array) -> float:
    """The share of held-out examples that have a sample within the reach of their own neighbours."""
    among = np.sort(distances(held_out, held_out), axis=1)
    reach = among[:, min(NEIGHBOURS, len(held_out) - 1)]  # an example is its own nearest
    if not len(samples):
        return 0.0
    return float((distances(held_out, samples).min(axis=1) <= reach).mean())


def reached(classes: Array, good: Array, number: int) -> int:
    """How many of ``number`` classes are shown by good samples, each by a fifth of an even share at least."""
    counts = np.bincount(classes[good], minlength=number)
    return int((counts >= max(1.0, REACHED * len(classes) / number)).sum())


def distances(a: Array, b: Array) -> Array:
    """‖a_i − b_j‖ of all pairs, N×M, in double precision."""
    a, b = (points.reshape(len(points), -1).astype(np.float64) for points in (a, b))
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None] - 2 * a @ b.T
    lengths: Array = np.sqrt(np.maximum(squares, 0))
    return lengths
