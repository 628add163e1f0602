"""The demo: the whole way on shipped files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.errors import RunError
from cli.commands import demo
from cli.commands import train as training


@pytest.mark.slow
def test_the_demo_goes_the_whole_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one epoch instead of ten, in a folder that is not there yet."""
    train = training.train
    monkeypatch.setattr(training, "train", lambda spec, out: train(spec, out, ["train.epochs=1"]))
    monkeypatch.chdir(tmp_path)
    demo.demo(Path("new") / "demo")
    shown = capsys.readouterr().out
    assert "3 errors in new/demo/three_mistakes.yaml.\n" in shown
    assert "parameters      61,706" in shown
    assert shown.count("\nproved: onnxruntime equals torch to ") == 2
    assert "\nsubmission   points  valid" in shown
    assert shown.count("\n$ gradspec ") == 5
    for file in ("run/weights.safetensors", "lenet5.onnx", "grades/grades.csv"):
        assert (tmp_path / "new" / "demo" / file).is_file()
    results = json.loads(Path("new/demo/grades/results.json").read_text(encoding="utf-8"))
    assert len(results["submissions"]) >= 9
    assert not [c for one in results["submissions"] for c in one["checks"] if c["outcome"] == "broken"]
    with pytest.raises(RunError, match="is not empty"):
        demo.demo(Path("new") / "demo")
