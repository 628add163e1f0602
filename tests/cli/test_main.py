"""The command line: what it answers, on which stream, and with which exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import cli.main
from cli.application import commands

ROOT = Path(__file__).parents[2]
GRADSPEC = [sys.executable, "-c", "import sys; from cli.main import main; sys.exit(main())"]
MISTAKES = """\
input: [1, 28, 28]
layers:
  - Conv2d: {out_channels: 6, kernel_sise: 5, kernel_size: 5}
  - Flaten
"""
SMALL = """\
name: small
input: [1, 8, 8]
layers: [Flatten, {Linear: 10}]
data: {source: Digits, preprocess: [{Rescale: [0, 1]}], split: {train: 0.8, test: 0.2}}
train:
  loss: CrossEntropyLoss
  optimizer: {Adam: {lr: 1e-2}}
  epochs: 1
  metrics: [accuracy]
  device: cpu
  threads: 1
"""


Run = Callable[..., Any]  # what `conftest.py` says that it gives


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_version(run: Run) -> None:
    result = run("--version")
    assert (result.returncode, result.stdout) == (0, "gradspec 0.4.0\n")


def test_help_names_every_command_and_each_teaches_by_example(run: Run) -> None:
    result = run("--help")
    assert result.returncode == 0
    for command in commands():
        assert f"  {command} " in result.stdout
        page = run(command, "--help")
        assert page.returncode == 0
        assert f"    gradspec {command}" in page.stdout
        assert max(map(len, page.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), ""),
        (("vaildate", "x"), "vaildate"),
        (("validate",), "SPEC"),
        (("validate", "missing.yaml"), "missing.yaml"),
        (("shapes", "missing.yaml"), "missing.yaml"),
        (("train", "missing.yaml", "--out", "run"), "missing.yaml"),
        (("evaluate", "missing"), "missing"),
        (("grade", "missing.yaml", "missing", "--out", "x"), "missing.yaml"),
        (("layers", "--kind", "nonsense"), "nonsense"),
        (("validate", "--nonsense"), "nonsense"),
    ],
)
def test_wrong_usage_is_2(run: Run, arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train.epochs", "expected `key=value`, found `train.epochs`"),
        ("=3", "expected `key=value`, found `=3`"),
        ("layers[x]=3", "expected `key=value`"),
        ("train.epochs={", "expected"),
        ("train.epochs=???", "`???` is a place to fill, and `--set` fills places"),
        ("layers[1]={Linear: ???}", "`???` is a place to fill"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "train"])
def test_a_set_that_sets_nothing_is_wrong_usage(
    run: Run, tmp_path: Path, spec: Path, command: str, text: str, said: str
) -> None:
    out = ("--out", "run") if command == "train" else ()
    result = run(command, "small.yaml", *out, "--set", text)
    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr
    assert not (tmp_path / "run").exists()
    assert run("validate", "small.yaml", "--set", "train.epochs=many").returncode == 1  # the spec's matter


@pytest.mark.parametrize(
    "words",
    [
        ("train", "small.yaml"),
        ("train", "small.yaml", "--resume"),
        ("build", "small.yaml"),
        ("grade", str(ROOT / "specs/assignments/lenet-digits/assignment.yaml"), "."),
        ("demo",),
    ],
    ids=" ".join,
)
def test_a_folder_that_cannot_be_written_is_wrong_usage(
    run: Run, tmp_path: Path, spec: Path, words: tuple[str, ...]
) -> None:
    """Said at once, before anything is trained or graded."""
    for out, found in (
        ("small.yaml", "`small.yaml` is a file, and"),
        ("small.yaml/x", "`small.yaml` is a file, and"),
        ("/dev/null/x", "`/dev/null` is no folder, and"),
    ):
        result = run(*words, "--out", out)
        assert (result.returncode, result.stdout) == (2, "")
        assert f"'--out': {found} a folder is to be written." in result.stderr
    assert run(*words, "--out", "x" * 300).returncode == 2
    assert spec.read_text(encoding="utf-8") == SMALL


def test_validate_shows_every_error_with_its_caret(run: Run, tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(MISTAKES, encoding="utf-8")
    result = run("validate", "model.yaml")
    assert result.returncode == 1
    assert result.stderr == ""
    assert result.stdout == (
        "model.yaml:3:31: `Conv2d` has no field `kernel_sise`\n"
        "  3 │   - Conv2d: {out_channels: 6, kernel_sise: 5, kernel_size: 5}\n"
        "    │                               ^\n"
        "      at layers[0].Conv2d.kernel_sise\n"
        "      Hint: Did you mean `kernel_size`?\n"
        "\n"
        "model.yaml:4:5: there is no layer type `Flaten`\n"
        "  4 │   - Flaten\n"
        "    │     ^\n"
        "      at layers[1]\n"
        "      Hint: Did you mean `Flatten`?\n"
        "\n"
        "2 errors in model.yaml.\n"
    )


@pytest.mark.parametrize("text", [SMALL, MISTAKES], ids=["right", "wrong"])
def test_plain_words_and_options_lead_to_the_same_answer(run: Run, tmp_path: Path, text: str) -> None:
    """`validate FILE…` goes past typer; `--` is an option, and goes through it."""
    (tmp_path / "model.yaml").write_text(text, encoding="utf-8")
    assert run("validate", "model.yaml") == run("validate", "--", "model.yaml")
    assert run("validate", "model.yaml", "model.yaml") == run("validate", "--", "model.yaml", "model.yaml")


def test_plain_validate_imports_no_parser_of_options(spec: Path) -> None:
    code = (
        "import sys; from cli.main import main; assert main() == 0\n"
        "heavy = {'typer', 'click', 'rich', 'json', 'numpy', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run(
        [sys.executable, "-c", code, "validate", str(spec)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
        timeout=60,
    )


def test_validate_imports_only_what_the_spec_names(spec: Path) -> None:
    code = (
        "import sys; from cli.main import main; assert main() == 0\n"
        "named = {m.removeprefix('builder.training.') for m in sys.modules if '.training.' in m}\n"
        "assert named == set('section losses losses.loss losses.classification metrics metrics.metric "
        "metrics.classification optimizers optimizers.optimizer optimizers.adam schedulers "
        "schedulers.scheduler initializers initializers.initializer'.split()), named"
    )
    subprocess.run(
        [sys.executable, "-c", code, "validate", str(spec)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
        timeout=60,
    )


def test_validate_answers_a_program(run: Run, tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(MISTAKES, encoding="utf-8")
    result = run("validate", "model.yaml", "--json")
    assert result.returncode == 1
    data = json.loads(result.stdout)
    assert set(data) == {"errors", "advice"}
    assert [(e["line"], e["column"], e["hint"]) for e in data["errors"]] == [
        (3, 31, "Did you mean `kernel_size`?"),
        (4, 5, "Did you mean `Flatten`?"),
    ]
    assert set(data["errors"][0]) == {"file", "line", "column", "path", "problem", "hint"}


def test_validate_counts_holes_in_one_line(run: Run, tmp_path: Path) -> None:
    text = "input: [1, 8, 8]\nlayers:\n  - Conv2d: {out_channels: ???, kernel_size: 3}\n  - Linear: ???\n"
    (tmp_path / "starter.yaml").write_text(text, encoding="utf-8")
    result = run("validate", "starter.yaml")
    assert (result.returncode, result.stdout) == (0, "starter.yaml: 2 places to fill: lines 3, 4\n")


def test_validate_takes_many_files_and_sets(run: Run, tmp_path: Path, spec: Path) -> None:
    (tmp_path / "model.yaml").write_text(MISTAKES, encoding="utf-8")
    result = run("validate", "small.yaml", "model.yaml")
    assert result.returncode == 1
    assert result.stdout.startswith("small.yaml: right; 2 layers, 650 parameters\nmodel.yaml:3:31: ")
    result = run("validate", "small.yaml", "--set", "layers[1].Linear={out_features: 10, bias: false}")
    assert result.stdout == "small.yaml: right; 2 layers, 640 parameters\n"


def test_what_is_no_file_is_refused_at_once(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    for name, found in (("pipe.yaml", "a pipe"), ("zero.yaml", "a device"), (".", "a folder")):
        result = run("validate", name)
        assert result.returncode == 1
        assert f"expected a file, found {found}" in result.stdout


def test_shapes_shows_the_arithmetic(run: Run) -> None:
    result = run("shapes", str(ROOT / "specs/models/lenet5.yaml"))
    assert result.returncode == 0
    assert (
        " 1 conv2d_1      N×6×28×28          156  ⌊(28 + 2·2 − 1·(5 − 1) − 1)/1⌋ + 1 = 28\n"
        "                                         6·(1·5·5) + 6 = 156\n"
    ) in result.stdout
    assert "parameters      61,706  241.0 KiB as float32\n" in result.stdout
    assert "multiply-adds  416,520  for one example\n" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_shapes_as_data(run: Run, spec: Path) -> None:
    data = json.loads(run("shapes", "small.yaml", "--json").stdout)
    assert data["parameters"] == 650
    assert [(one["name"], one["output"]) for one in data["layers"]] == [
        ("flatten_1", [64]),
        ("linear_1", [10]),
    ]
    failed = run("shapes", "small.yaml", "--json", "--set", "layers[1].Linear=no")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["errors"][0]["path"] == "layers[1].Linear"


def test_layers_lists_the_catalogue_and_shows_a_page(run: Run) -> None:
    listing = run("layers")
    assert listing.returncode == 0
    assert "\nConv2d " in listing.stdout
    page = run("layers", "Conv2d").stdout
    assert "out_channels  needed" in page
    assert "padding_mode  zeros" in page
    assert "  - Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}\n" in page
    wrong = run("layers", "Conv2D")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "Did you mean `Conv2d`?" in wrong.stderr


@pytest.mark.parametrize("kind", ["losses", "optimizers", "schedulers", "metrics", "datasets", "transforms"])
def test_every_kind_has_pages(run: Run, kind: str) -> None:
    listed = json.loads(run("layers", "--kind", kind, "--json").stdout)[kind]
    assert listed
    assert all(one["manual"] for one in listed)
    assert run("layers", "--kind", kind, listed[0]["name"]).returncode == 0


def test_schema_is_the_json_schema(run: Run, validator: Any) -> None:
    assert json.loads(run("schema").stdout) == validator.schema
    assert validator.is_valid(yaml.safe_load(SMALL.replace("1e-2", "0.01")))


def test_the_life_of_a_run(run: Run, tmp_path: Path, spec: Path) -> None:
    trained = run("train", "small.yaml", "--out", "run")
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout.startswith("epoch 1/1  loss ")
    assert "\nproved: onnxruntime equals torch to " in trained.stdout
    assert "\x1b" not in trained.stdout
    assert (tmp_path / "run" / "weights.safetensors").is_file()

    again = run("train", "small.yaml", "--out", "run")
    assert (again.returncode, again.stdout) == (1, "")
    assert "`run` is not empty" in again.stderr
    assert "--resume" in again.stderr

    more = run("train", "small.yaml", "--out", "run", "--set", "train.epochs=4", "--resume")
    assert more.returncode == 0, more.stderr
    assert more.stdout.startswith("epoch 2/4  loss ")

    figures = json.loads(run("evaluate", "run", "--json").stdout)["figures"]
    assert set(figures) == {"test_loss", "test_accuracy"}

    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    np.savez(tmp_path / "x.npz", x=(digits.images[:200, None] / 16).astype("float32"))
    predicted = run("predict", "run", "x.npz", "--json")
    outputs = json.loads(predicted.stdout)["outputs"]["output"]
    assert np.mean(np.argmax(outputs, axis=1) == digits.target[:200]) > 0.8
    assert run("predict", "run", "x.npz").stdout.splitlines()[0].split() == ["output", "class", "probability"]
    assert run("predict", "run", "small.yaml").returncode == 1

    assert run("export", "run", "--out", "run").returncode == 2
    assert run("export", "run", "--out", "small.yaml/m.onnx").returncode == 2
    exported = run("export", "run", "--out", "m.onnx")
    assert exported.returncode == 0
    assert (tmp_path / "m.onnx").is_file()


def test_build_writes_what_there_is_to_know(run: Run, tmp_path: Path, spec: Path) -> None:
    built = run("build", "small.yaml", "--out", "built")
    assert built.returncode == 0, built.stderr
    names = {path.name for path in (tmp_path / "built").iterdir()}
    assert names == {"spec.yaml", "weights.safetensors", "model.onnx", "summary.txt"}
    assert "linear_1" in (tmp_path / "built" / "summary.txt").read_text(encoding="utf-8")


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, spec: Path) -> None:
    process = subprocess.Popen(
        [*GRADSPEC, "train", "small.yaml", "--out", "a run", "--set", "train.epochs=100000"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "a run" / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    resume = "gradspec train small.yaml --out 'a run' --resume --set train.epochs=100000"
    assert stderr == f"Stopped. Go on with: {resume}\n"


def test_a_fault_of_ours_is_3_and_no_traceback_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], spec: Path
) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.delenv("GRADSPEC_DEBUG", raising=False)
    monkeypatch.setattr("cli.view.verdict.load", fault)
    monkeypatch.setattr(sys, "argv", ["gradspec", "validate", str(spec)])
    assert cli.main.main() == 3
    stderr = capsys.readouterr().err
    assert "fault in gradspec" in stderr
    assert "Traceback" not in stderr
    written = Path(stderr.split("traceback is in ")[1].split(";")[0])
    assert "ZeroDivisionError: ours" in written.read_text(encoding="utf-8")
    written.unlink()
    monkeypatch.setenv("GRADSPEC_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main.main()


def test_a_reader_that_leaves_is_no_fault(tmp_path: Path) -> None:
    piped = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$@" layers | true', "bash", *GRADSPEC],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (piped.returncode, piped.stderr) == (0, "")
