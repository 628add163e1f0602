"""What needs torch: building, training, evaluating and exporting a spec's network."""

from builder.runtime.attacks.attack import attack
from builder.runtime.evaluate import evaluate, predict
from builder.runtime.export.export import export
from builder.runtime.export.proof import Proof
from builder.runtime.games.samples import sample
from builder.runtime.network.module import Network, build, build_networks
from builder.runtime.runs.run import Run, load_run, save_weights
from builder.runtime.train import train

__all__ = [
    "Network",
    "Proof",
    "Run",
    "attack",
    "build",
    "build_networks",
    "evaluate",
    "export",
    "load_run",
    "predict",
    "sample",
    "save_weights",
    "train",
]
