"""Makes the class that ships with the demo: the reference's weights, and ten submissions with one story each.

Run once: ``python specs/assignments/lenet-digits/make_class.py``. The results are committed, so that the demo
grades the same files everywhere; other torch versions train to other last bits.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import yaml

from builder import load, loads

HOME = Path(__file__).parent
CLASS = HOME / "class"
RIGHT = "q1: [16, 10, 10]\nq2: 2416\nq3: 61706\nq4: 48000\n"
SLIP = RIGHT.replace("2416", "2400")
FILLED = {
    "kernel_size: ???, padding: ???": "kernel_size: 5, padding: 2",
    "out_channels: ???, kernel_size: ???": "out_channels: 16, kernel_size: 5",
    "- ???": "- Linear: 84",
}
REWRITTEN = """\
# The same network, written another way: a block, other names, other order, everything spelt out.
gradspec: 1
name: my_lenet
input: [1, 28, 28]
blocks:
  Stage:
    parameters: {channels: null, pad: 0}
    layers:
      - name: convolve
        Conv2d: {kernel_size: [5, 5], bias: true, stride: 1, padding: $pad, out_channels: $channels}
      - {name: squash, Tanh: {}}
      - {name: shrink, AvgPool2d: {stride: 2, kernel_size: [2, 2]}}
layers:
  - {name: first, Stage: {channels: 6, pad: 2}}
  - {name: second, Stage: {channels: 16}}
  - {name: flat, Flatten: {start_dim: 1}}
  - {name: hidden_1, Linear: {out_features: 120, in_features: 400}}
  - Tanh
  - {name: hidden_2, Linear: {out_features: 84}}
  - Tanh
  - {name: digits, Linear: {out_features: 10, bias: true}}
"""


def trained(text: str, seed: int, sets: tuple[str, ...] = ()) -> bytes:
    """The weights file of a spec, trained on the assignment's public digits."""
    given = yaml.safe_load((HOME / "reference.yaml").read_text())
    whole = {key: value for key, value in yaml.safe_load(text).items() if key != "expect"}
    whole |= {"data": given["data"], "train": given["train"]}
    spec = loads(yaml.safe_dump(whole), folder=HOME, sets=(*sets, f"train.seed={seed}", "train.device=cpu"))
    from builder.runtime import train

    with tempfile.TemporaryDirectory() as folder:
        train(spec, Path(folder) / "run")
        return (Path(folder) / "run" / "weights.safetensors").read_bytes()


def submit(name: str, model: str | None, weights: bytes | None, answers: str | None) -> None:
    """Writes one submission."""
    folder = CLASS / name
    folder.mkdir(parents=True)
    for file, content in (("model.yaml", model), ("answers.yaml", answers)):
        if content is not None:
            (folder / file).write_text(content, encoding="utf-8")
    if weights is not None:
        (folder / "weights.safetensors").write_bytes(weights)


def not_a_number(weights: bytes) -> bytes:
    """The same file, every value of its last tensor not a number."""
    from safetensors.numpy import load as read
    from safetensors.numpy import save

    tensors = read(weights)
    tensors["linear_3.bias"][:] = float("nan")
    return save(tensors)


def main() -> None:
    """Writes the reference's weights and the class."""
    lines = (HOME / "starter.yaml").read_text(encoding="utf-8").split("\ndata:")[0].splitlines()
    right = "\n".join(line for line in lines if not line.startswith("#")) + "\n"
    for hole, filled in FILLED.items():
        right = right.replace(hole, filled)
    assert loads(right).graph.parameters == 61_706
    (HOME / "reference.safetensors").write_bytes(trained(load(HOME / "reference.yaml").document.text, 0))
    if CLASS.exists():
        shutil.rmtree(CLASS)
    perfect = trained(right, 1)
    kernel = right.replace("{out_channels: 16, kernel_size: 5}", "{out_channels: 16, kernel_size: 3}")
    wide = right.replace("Linear: 120", "Linear: 400")
    submit("ada", right, perfect, RIGHT)
    submit("boole", kernel, trained(kernel, 2), RIGHT)
    submit("curie", wide, trained(wide, 3), RIGHT)
    submit("dijkstra", right, trained(right, 4, ("train.epochs=3",)), RIGHT)
    submit("euler", right, not_a_number(perfect), RIGHT)
    submit("fermat", right.replace("  - Tanh\n", "  - Tanh: {\n", 1), perfect, RIGHT)
    submit("gauss", right.replace("Linear: 120", "Linear: 2500000000"), perfect, RIGHT)
    (CLASS / "hopper").mkdir()
    (CLASS / "hopper" / ".keep").touch()
    submit("ibn-sina", right, trained(right, 5), SLIP)
    submit("johnson", REWRITTEN, trained(REWRITTEN, 6), RIGHT)


if __name__ == "__main__":
    main()
