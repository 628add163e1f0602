"""Writes the class that ships with the assignment: submissions with one story each. Nothing is trained.

Run once: ``python specs/assignments/gates-lstm/make_class.py``. The results are committed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

HOME = Path(__file__).parent
CLASS = HOME / "class"

ANSWERS = "q1: 1600\nq2: 0.571\nq3: 0.258\n"
TWO_BIASES = ANSWERS.replace("1600", "1664")

CELL = """\
cells:
  Memory:
    states: [h, c]
    gates:
      i: sigmoid(W @ x + U @ h_prev + b)
      f: sigmoid(W @ x + U @ h_prev + b)
      g: tanh(W @ x + U @ h_prev + b)
      o: sigmoid(W @ x + U @ h_prev + b)
    update:
      c: f * c_prev + i * g
      h: o * tanh(c)
    init: {f.b: {constant_: 1.0}}
"""
HEAD = "gradspec: 1\nname: rows\ninput: [T, 8]\n"
LAYERS = """\
layers:
  - {name: memory, Memory: {hidden_size: 16, output: last}}
  - {name: digit, Linear: 10}
"""
RIGHT = HEAD + CELL + LAYERS

OTHER_WORDS = """\
# The same memory in other words and another order; what is forgotten is 1 minus what is kept.
gradspec: 1
name: gedaechtnis
input: [T, 8]
cells:
  Gedaechtnis:
    states: [y, s]
    gates:
      show: sigmoid(b + U @ y_prev + W @ x)
      forget: sigmoid(W @ x + U @ y_prev + b)
      write: sigmoid(W @ x + b + U @ y_prev)
      new: tanh(U @ y_prev + W @ x + b)
    update:
      y: tanh(s) * show
      s: write * new + s_prev - forget * s_prev
    init: {forget.b: {constant_: -1.0}}
layers:
  - {name: rows, Gedaechtnis: {hidden_size: 16, output: last}}
  - {name: scores, Linear: 10}
"""
SIDE_BY_SIDE = RIGHT.replace("W @ x + U @ h_prev + b", "W @ [h_prev, x] + b")
NO_BIAS = RIGHT.replace("f: sigmoid(W @ x + U @ h_prev + b)", "f: sigmoid(W @ x + U @ h_prev)").replace(
    "    init: {f.b: {constant_: 1.0}}\n", ""
)
TANH_GATE = RIGHT.replace("f: sigmoid", "f: tanh")
CIRCLE = RIGHT.replace("o: sigmoid(W @ x + U @ h_prev + b)", "o: sigmoid(W @ x + U @ h + b)")
NO_INIT = RIGHT.replace("    init: {f.b: {constant_: 1.0}}\n", "")
TORCHS = HEAD + LAYERS.replace("Memory", "LSTM")

STORIES = {
    "ada": (RIGHT, ANSWERS),
    "boole": (OTHER_WORDS, ANSWERS),
    "curie": (SIDE_BY_SIDE, ANSWERS),
    "dijkstra": (NO_BIAS, ANSWERS),
    "euler": (TANH_GATE, ANSWERS),
    "fermat": (CIRCLE, ANSWERS),
    "gauss": (NO_INIT, ANSWERS),
    "hopper": (TORCHS, TWO_BIASES),
}


def main() -> None:
    """Writes the class."""
    shutil.rmtree(CLASS, ignore_errors=True)
    for name, (model, answers) in STORIES.items():
        folder = CLASS / name
        folder.mkdir(parents=True)
        (folder / "model.yaml").write_text(model, encoding="utf-8")
        (folder / "answers.yaml").write_text(answers, encoding="utf-8")


if __name__ == "__main__":
    main()
