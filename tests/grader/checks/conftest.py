"""One check on one submission, in this process: what is asked, worked out and judged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from builder import loads
from builder.errors import Report
from builder.language.source import read_text
from builder.reader import Reader
from grader.check import Brief, Check, Subject, checks
from grader.exchange import Findings, Role, Task
from grader.outcome import Outcome, Refusal
from grader.outline import Outline
from grader.submission.submission import Submission

NAMES: dict[Role, str] = {
    "model": "model.yaml",
    "weights": "weights.safetensors",
    "answers": "answers.yaml",
    "gradients": "gradients.safetensors",
}
Judge = Callable[..., Outcome]


def read_check(text: str) -> Check:
    """A check as an assignment writes it, gone through JSON as on its way to a worker."""
    report = Report()
    first = Reader(report, {}).choice(checks, read_text(text).root)
    report.raise_errors()
    assert first is not None
    again = Reader(report, {}).choice(
        checks, read_text(json.dumps({type(first).__name__: first.plain()})).root
    )
    report.raise_errors()
    assert json.dumps(again.plain()) == json.dumps(first.plain())
    return again


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[Judge]:
    """In one thread, as in a worker: ``judge(check, reference, model, loss=…, files={name: bytes})``: the outcome."""

    import torch

    def run(
        check: str,
        reference: str,
        model: str | None = None,
        *,
        loss: str | None = None,
        files: Mapping[str, bytes] | None = None,
        ours: Mapping[str, bytes] | None = None,
    ) -> Outcome:
        held = read_check(check)
        folders = {"ours": tmp_path / "ours", "theirs": tmp_path / "theirs"}
        for folder in folders.values():
            folder.mkdir(exist_ok=True)
        (folders["ours"] / "model.yaml").write_text(reference)
        for name, data in (ours or {}).items():
            (folders["ours"] / name).write_bytes(data)
        for name, data in (files or {}).items():
            (folders["theirs"] / name).write_bytes(data)
        if model is not None:
            (folders["theirs"] / "model.yaml").write_text(model)
        outline = Outline.from_json(json.loads(json.dumps(Outline.of(loads(reference).graph).to_json())))
        brief = Brief(folders["ours"], outline, loss=None if loss is None else _loss(loss))
        findings = _found(held, brief, Subject(outline, is_reference=True), folders["ours"])
        assert isinstance(findings, Findings), findings
        theirs = None if model is None else Outline.of(loads(model).graph)
        subject = Subject(theirs)
        found = _found(held, brief, subject, folders["theirs"])
        return held.judge(brief, subject, found, findings) if isinstance(found, Findings) else found

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield run
    torch.set_num_threads(threads)


def _found(check: Check, brief: Brief, subject: Subject, folder: Path) -> Findings | Outcome:
    task = check.prepare(brief, subject)
    if task is None:
        return Findings()
    if not isinstance(task, Task):
        return task
    task = Task(json.loads(json.dumps(task.parameters)), task.arrays, task.operations, task.values)
    try:
        found = check.work(task, Submission(folder, NAMES, arrays_limit=1 << 24))
    except Refusal as refusal:
        return refusal.failed()
    return Findings(json.loads(json.dumps(found.data)), found.arrays)


def _loss(text: str) -> object:
    from builder.training.losses.loss import losses

    return Reader(Report(), {}).choice(losses, read_text(text).root)
