"""What needs torch: building, training, evaluating and exporting a spec's network."""

from builder.runtime.attacking import attack
from builder.runtime.evaluate import evaluate, predict
from builder.runtime.export import export
from builder.runtime.generating import sample
from builder.runtime.module import Network, build, build_networks
from builder.runtime.proof import Proof
from builder.runtime.run import Run, load_run, save_weights
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
