"""Right answers written another way keep every point; a wrong one loses them where it should.

A class of mutants and rewrites of a LeNet and of a small ResNet, graded in workers as any class is. Forward
and gradients are judged in float64 with the same weights, so points are exact.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from grader import SubmissionResult, grade
from grader.worker.pool import Server

ASSIGNMENT = """\
assignment: mutants
reference: reference.yaml
submission: {model: model.yaml}
points: 100
checks:
  - {shapes: {layers: changing}, points: 40}
  - {parameters: {equal: true}, points: 5}
  - {forward: {}, points: 33}
  - {gradients: {}, points: 22}
"""

LENET = """\
input: [1, 28, 28]
layers:
  - Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}
  - Tanh
  - AvgPool2d: 2
  - Conv2d: {out_channels: 16, kernel_size: 5}
  - Tanh
  - AvgPool2d: 2
  - Flatten
  - Linear: 120
  - Tanh
  - Linear: 84
  - Tanh
  - Linear: 10
"""

RESNET = """\
input: [3, 16, 16]
blocks:
  Residual:
    parameters: {channels: 8, stride: 1}
    layers:
      - Conv2d: {out_channels: $channels, kernel_size: 3, stride: $stride, padding: 1, bias: false}
      - BatchNorm2d
      - ReLU
      - Conv2d: {out_channels: $channels, kernel_size: 3, padding: 1, bias: false}
      - {name: body, BatchNorm2d}
      - {from: input, Conv2d: {out_channels: $channels, kernel_size: 1, stride: $stride, bias: false}}
      - {name: shortcut, BatchNorm2d}
      - Add: [body, shortcut]
      - ReLU
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1, bias: false}
  - BatchNorm2d
  - ReLU
  - Residual: {channels: 8}
  - Residual: {channels: 16, stride: 2}
  - AdaptiveAvgPool2d: 1
  - Flatten
  - Linear: 10
"""

BODY = """\
      - Conv2d: {out_channels: $channels, kernel_size: 3, stride: $stride, padding: 1, bias: false}
      - BatchNorm2d
      - ReLU
      - Conv2d: {out_channels: $channels, kernel_size: 3, padding: 1, bias: false}
      - {name: body, BatchNorm2d}
"""
SHORTCUT = """\
      - {from: input, Conv2d: {out_channels: $channels, kernel_size: 1, stride: $stride, bias: false}}
      - {name: shortcut, BatchNorm2d}
"""


def changed(text: str, *changes: tuple[str, str], at: int = 0) -> str:
    """The text with each change made once; ``at`` is which occurrence of the (single) change."""
    for old, new in changes:
        parts = text.split(old)
        assert len(parts) > at + 1, f"{old!r} does not occur {at + 1} times"
        text = old.join(parts[: at + 1]) + new + old.join(parts[at + 1 :])
    return text


FIRST = "Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}"
SECOND = "Conv2d: {out_channels: 16, kernel_size: 5}"

LENET_REWRITES = {
    "the same": LENET,
    "names": changed(
        LENET,
        (f"- {FIRST}", f"- {{name: eins, {FIRST}}}"),
        (f"- {SECOND}", f"- {{name: zwei, {SECOND}}}"),
        ("- Linear: 120", "- {name: drei, Linear: 120}"),
        ("- Linear: 10\n", "- {name: vier, Linear: 10}\n"),
    ),
    "order of keys": changed(
        LENET,
        (FIRST, "Conv2d: {padding: 2, kernel_size: 5, out_channels: 6}"),
        ("input: [1, 28, 28]\n", ""),
    )
    + "input: [1, 28, 28]\n",
    "long forms": changed(
        LENET,
        ("AvgPool2d: 2", "AvgPool2d: {kernel_size: [2, 2], stride: 2, padding: 0}"),
        ("Flatten", "Flatten: {start_dim: 1, end_dim: -1}"),
        ("Linear: 120", "Linear: {in_features: 400, out_features: 120, bias: true}"),
        ("- Tanh", "- Tanh: {}"),
        (SECOND, "Conv2d: {in_channels: 6, out_channels: 16, kernel_size: [5, 5], stride: 1, dilation: 1}"),
    ),
    "blocks": """\
blocks:
  Stage:
    parameters: {channels: 6, padding: 0}
    layers:
      - Conv2d: {out_channels: $channels, kernel_size: 5, padding: $padding}
      - Tanh
      - AvgPool2d: 2
  Dense:
    parameters: {width: null}
    layers: [{Linear: $width}, Tanh]
input: [1, 28, 28]
layers:
  - Stage: {padding: 2}
  - Stage: 16
  - Flatten
  - Dense: 120
  - Dense: 84
  - Linear: 10
""",
    "groups": """\
input: [1, 28, 28]
constants: {classes: 10}
layers:
  - layers: [{Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}}, Tanh, {AvgPool2d: 2}]
  - {name: second, layers: [{Conv2d: {out_channels: 16, kernel_size: 5}}, Tanh, {AvgPool2d: 2}, Flatten]}
  - layers: [{Linear: 120}, Tanh, {Linear: 84}, Tanh]
  - Linear: $classes
""",
    "dropout and identity": changed(
        LENET,
        ("  - Linear: 84", "  - Dropout: 0.5\n  - Linear: 84"),
        ("  - AvgPool2d: 2\n  - Flatten", "  - Identity\n  - AvgPool2d: 2\n  - Flatten\n  - Dropout"),
    ),
    "from spelt out": changed(
        LENET,
        (f"- {FIRST}\n  - Tanh", f"- {{name: c, from: input, {FIRST}}}\n  - {{from: c, name: t, Tanh}}"),
        ("  - AvgPool2d: 2", "  - {from: t, AvgPool2d: 2}"),
    ),
    "padding by name": changed(LENET, ("padding: 2", "padding: same")),
    "another input name": changed(
        LENET,
        ("input: [1, 28, 28]", "inputs: {picture: [1, 28, 28]}"),
        (f"- {FIRST}", f"- {{from: picture, {FIRST}}}"),
    ),
    "a named output": LENET.replace("- Linear: 10\n", "- {name: logits, Linear: 10}\n")
    + "outputs: [logits]\n",
    "flattened twice": changed(LENET, ("  - Linear: 84", "  - Flatten\n  - Linear: 84")),
}

# What each loses, by hand: 8 layers change a shape (40/8 = 5 each), 11 change a value (33/11 = 3 each) and
# 11 gradients are held (10 parameters and the input; 22/11 = 2 each). A gradient is right if nothing differs
# before its layer (the values) or after it (the chain rule). The last bias has only what comes after it.
Points = tuple[float, float, float, float]
LENET_MUTANTS: dict[str, tuple[str, Points]] = {
    "another first activation": (changed(LENET, ("Tanh", "Sigmoid")), (40, 5, 3, 2)),
    "another second activation": (changed(LENET, ("Tanh", "ReLU"), at=1), (40, 5, 12, 2)),
    "another third activation": (changed(LENET, ("Tanh", "Softsign"), at=2), (40, 5, 21, 2)),
    "another fourth activation": (changed(LENET, ("Tanh", "Hardtanh"), at=3), (40, 5, 27, 2)),
    "no first activation": (changed(LENET, ("  - Tanh\n", "")), (40, 5, 3, 2)),
    "no last activation": (changed(LENET, ("  - Tanh\n", ""), at=3), (40, 5, 27, 2)),
    "another first pooling": (changed(LENET, ("AvgPool2d", "MaxPool2d")), (35, 5, 6, 2)),
    "another second pooling": (changed(LENET, ("AvgPool2d", "MaxPool2d"), at=1), (35, 5, 15, 2)),
    "pooling that overlaps": (
        changed(LENET, ("AvgPool2d: 2", "AvgPool2d: {kernel_size: 3, stride: 2, padding: 1}")),
        (40, 5, 6, 2),
    ),
    "padding of another kind": (
        changed(LENET, ("padding: 2", "padding: 2, padding_mode: reflect")),
        (40, 5, 0, 2),
    ),
    "dilation that keeps the shape": (
        changed(LENET, ("padding: 2", "padding: 4, dilation: 2")),
        (40, 5, 0, 2),
    ),
    "no padding": (changed(LENET, (", padding: 2", "")), (35, 0, 0, 0)),
    "a smaller first kernel": (
        changed(LENET, ("kernel_size: 5, padding: 2", "kernel_size: 3, padding: 1")),
        (40, 0, 0, 0),
    ),
    "a smaller second kernel": (
        changed(LENET, ("16, kernel_size: 5", "16, kernel_size: 3")),
        (35, 0, 0, 0),
    ),
    "no bias": (changed(LENET, ("16, kernel_size: 5", "16, kernel_size: 5, bias: false")), (40, 0, 0, 0)),
    "too few channels": (changed(LENET, ("out_channels: 16", "out_channels: 12")), (35, 0, 0, 0)),
    "too narrow": (changed(LENET, ("Linear: 84", "Linear: 80")), (35, 0, 0, 0)),
    "a layer is missing": (changed(LENET, ("  - Linear: 84\n  - Tanh\n", "")), (35, 0, 0, 0)),
    "a pooling is missing": (changed(LENET, ("  - AvgPool2d: 2\n", "")), (35, 0, 0, 0)),
    "a layer too many": (
        changed(LENET, ("  - Linear: 10\n", "  - Linear: 50\n  - Tanh\n  - Linear: 10\n")),
        (40 * 8 / 9, 0, 0, 0),
    ),
    "a softmax at the end": (LENET + "  - Softmax: 1\n", (40, 5, 30, 0)),
    "another input": (changed(LENET, ("[1, 28, 28]", "[1, 32, 32]")), (40 * 8 / 9, 0, 0, 0)),
}

RESNET_REWRITES = {
    "the same": RESNET,
    "shortcut first": changed(RESNET, (BODY + SHORTCUT, SHORTCUT + BODY.replace("- Conv2d", "- Conv2d", 1))),
    "sum the other way": changed(RESNET, ("Add: [body, shortcut]", "Add: [shortcut, body]")),
    "written out": """\
input: [3, 16, 16]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1, bias: false}
  - BatchNorm2d
  - {name: start, ReLU}
  - {name: way, from: start, Conv2d: {out_channels: 8, kernel_size: 1, bias: false}}
  - {name: short, BatchNorm2d}
  - {from: start, Conv2d: {out_channels: 8, kernel_size: 3, padding: 1, bias: false}}
  - BatchNorm2d
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1, bias: false}
  - BatchNorm2d
  - Add: [last, short]
  - {name: middle, ReLU}
  - Conv2d: {out_channels: 16, kernel_size: 3, stride: 2, padding: 1, bias: false}
  - BatchNorm2d
  - ReLU
  - Conv2d: {out_channels: 16, kernel_size: 3, padding: 1, bias: false}
  - {name: long, BatchNorm2d}
  - {from: middle, Conv2d: {out_channels: 16, kernel_size: 1, stride: 2, bias: false}}
  - {name: short2, BatchNorm2d}
  - Add: [short2, long]
  - ReLU
  - AdaptiveAvgPool2d: [1, 1]
  - Flatten
  - Linear: 10
""",
}
RESNET_REWRITES["shortcut first"] = changed(
    RESNET_REWRITES["shortcut first"],
    (
        "      - Conv2d: {out_channels: $channels, kernel_size: 3, stride",
        "      - from: input\n        Conv2d: {out_channels: $channels, kernel_size: 3, stride",
    ),
)

# 6 layers change a shape (40/6 each): the first convolution, the second block's two strided ones, the pooling,
# the flattening and the linear layer. 23 change a value (33/23 each): 3, twice 9, and 2; what the shortcut gives
# is right until a layer of the body before it is not. 24 gradients are held (22/24 each): of 7 convolutions,
# of 7 normalisations two, of a linear layer two, of the input. Under another epsilon the last sum's biases are
# right too: only the signs behind its ReLU lead back to them, and they stay.
RESNET_MUTANTS: dict[str, tuple[str, Points]] = {
    "no activation after the sum": (
        changed(RESNET, ("      - Add: [body, shortcut]\n      - ReLU\n", "      - Add: [body, shortcut]\n")),
        (40, 5, 33 * 11 / 23, 22 / 24),
    ),
    "another activation within": (
        changed(RESNET, ("      - ReLU\n", "      - Tanh\n")),
        (40, 5, 33 * 7 / 23, 22 / 24),
    ),
    "product for sum": (
        changed(RESNET, ("Add: [body, shortcut]", "Multiply: [body, shortcut]")),
        (40, 5, 33 * 10 / 23, 22 / 24),
    ),
    "another epsilon": (
        changed(RESNET, ("      - BatchNorm2d\n", "      - BatchNorm2d: {eps: 1e-3}\n")),
        (40, 5, 33 * 6 / 23, 22 * 3 / 24),
    ),
    "no shortcut": (
        changed(RESNET, (SHORTCUT + "      - Add: [body, shortcut]\n", "")),
        (40 * 5 / 6, 0, 0, 0),
    ),
    "stride elsewhere": (
        changed(
            RESNET,
            ("kernel_size: 3, stride: $stride, padding: 1", "kernel_size: 3, padding: 1"),
            (
                "      - Conv2d: {out_channels: $channels, kernel_size: 3, padding: 1, bias: false}\n      - {name",
                "      - Conv2d: {out_channels: $channels, kernel_size: 3, stride: $stride, padding: 1, "
                "bias: false}\n      - {name",
            ),
        ),
        (40 * 6 / 7, 5, 33 * 14 / 23, 22 / 24),
    ),
}


def points(one: SubmissionResult) -> tuple[float | None, ...]:
    """The points of each check but `valid`."""
    judged = (check for check in one.checks if check.planned.type != "valid")
    return tuple(None if check.points is None else float(check.points) for check in judged)


def graded(
    folder: Path, server: Server, reference: str, models: dict[str, str]
) -> dict[str, SubmissionResult]:
    (folder / "assignment.yaml").write_text(ASSIGNMENT)
    (folder / "reference.yaml").write_text(reference)
    for name, model in models.items():
        (folder / "submissions" / name).mkdir(parents=True)
        (folder / "submissions" / name / "model.yaml").write_text(model)
    found = grade(folder / "assignment.yaml", folder / "submissions", jobs=2, server=server)
    return {one.id: one for one in found.submissions}


CASES = [
    pytest.param(reference, rewrites, mutants, id=name)
    for name, reference, rewrites, mutants in (
        ("lenet", LENET, LENET_REWRITES, LENET_MUTANTS),
        ("resnet", RESNET, RESNET_REWRITES, RESNET_MUTANTS),
    )
]


@pytest.mark.parametrize(("reference", "rewrites", "mutants"), CASES)
def test_rewrites_keep_and_mutants_lose(
    reference: str,
    rewrites: dict[str, str],
    mutants: dict[str, tuple[str, Points]],
    tmp_path: Path,
    server: Server,
) -> None:
    models = rewrites | {name: model for name, (model, _) in mutants.items()}
    found = graded(tmp_path, server, reference, models)
    full = dict.fromkeys(rewrites, (40.0, 5.0, 33.0, 22.0))
    expected = full | {name: worth for name, (_, worth) in mutants.items()}
    off = {
        name: f"expected {worth}, found {points(found[name])}"
        for name, worth in expected.items()
        if points(found[name]) != pytest.approx(worth, abs=0.006)
    }
    assert not off
