"""Makes what ships with the assignment: its data, the reference's weights, and submissions with one story each.

Run once: ``python specs/assignments/shield-digits/make_class.py``. The results are committed, so that the same files
are graded everywhere; other torch versions train to other last bits.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load as arrays_of
from safetensors.numpy import save as file_of

from builder import loads

HOME = Path(__file__).parent
CLASS = HOME / "class"
HEAD = "gradspec: 1\nname: shield\ninput: [1, 8, 8]\nlayers:\n"
SMALL = HEAD + "  [Flatten, {Linear: 96}, ReLU, {Linear: 64}, ReLU, {Linear: 10}]\n"
SATURATED = SMALL.replace("{Linear: 10}]", "{Linear: 10}, {Softmax: {dim: 1}}]")
SPOILT = SMALL.replace(
    "{Linear: 10}]", "{Linear: 10, init: {bias: {normal_: {mean: 0, std: 300}}}, freeze: true}]"
)
TRAINING = """\
data:
  source: {NPZ: {path: data/train.npz, layout: NHW, range: [0, 16], classes: 10}}
  split: {train: 0.9, validation: 0.1}
  batch_size: 64
train: {loss: CrossEntropyLoss, optimizer: {Adam: {lr: 2e-3}}, epochs: 20, device: cpu, threads: 1}
"""
TENFOLD = TRAINING.replace("  split:", "  preprocess: [{Rescale: [0, 10]}]\n  split:")
FEW = TRAINING.replace("{train: 0.9, validation: 0.1}", "{train: 0.1, validation: 0.9}").replace(
    "epochs: 20", "epochs: 60"
)


def write_data() -> None:
    """The public digits, and the same with those that nobody has seen."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    images, labels = x.reshape(-1, 8, 8).astype(np.uint8).astype(np.float32), y.astype(np.int64)
    order = np.random.RandomState(0).permutation(len(labels))
    trained, held_out = order[:1437], order[1437:]
    for folder in ("data", "hidden"):
        (HOME / folder).mkdir(exist_ok=True)
    np.savez_compressed(HOME / "data" / "train.npz", x=images[trained], y=labels[trained])
    np.savez_compressed(
        HOME / "hidden" / "digits.npz",
        x_train=images[trained],
        y_train=labels[trained],
        x_test=images[held_out],
        y_test=labels[held_out],
    )


def trained(text: str, seed: int) -> bytes:
    """The weights file of a spec, trained on the public digits."""
    from builder.runtime import train

    spec = loads(text, folder=HOME, sets=(f"train.seed={seed}", "train.device=cpu", "train.threads=1"))
    with tempfile.TemporaryDirectory() as folder:
        train(spec, Path(folder) / "run")
        return (Path(folder) / "run" / "weights.safetensors").read_bytes()


def untrained(text: str) -> bytes:
    """The first weights of a spec."""
    from builder.runtime import build

    return file_of({name: value.numpy() for name, value in build(loads(text), 0).state_dict().items()})


def larger(weights: bytes, layer: str, factor: float) -> bytes:
    """The same file, a layer's weights so many times larger."""
    arrays = arrays_of(weights)
    return file_of({k: (a * np.float32(factor) if k.startswith(layer) else a) for k, a in arrays.items()})


def submit(name: str, model: str, weights: bytes) -> None:
    """Writes one submission."""
    folder = CLASS / name
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text(model, encoding="utf-8")
    (folder / "weights.safetensors").write_bytes(weights)


def main() -> None:
    """Writes data, the reference's weights and the class."""
    write_data()
    reference = (HOME / "reference.yaml").read_text(encoding="utf-8")
    (HOME / "reference.safetensors").write_bytes(trained(reference, 0))
    shutil.rmtree(CLASS, ignore_errors=True)
    model = reference.split("\nexpect:")[0].split("never leaves the instructor.\n")[1] + "\n"
    plain = trained(SMALL + TRAINING, 2)
    submit("ada", model, trained(reference, 1))
    submit("boole", SMALL, plain)
    submit("curie", SMALL, larger(plain, "linear_3", 1e6))
    submit("dijkstra", SATURATED, larger(plain, "linear_3", 1e6))
    submit("euler", SMALL, untrained(SMALL))
    submit("fermat", SPOILT, plain)
    submit("gauss", SMALL, trained(SMALL + FEW, 3))
    submit("hopper", SMALL + TENFOLD, trained(SMALL + TENFOLD, 4))


if __name__ == "__main__":
    main()
