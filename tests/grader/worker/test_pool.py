"""What a worker may not do, and what is said when it tries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builder.training.metrics.metric import metrics
from grader import Failed, Limits
from grader.answering.question import Question
from grader.checks.accuracy import accuracy
from grader.checks.answers import answers
from grader.checks.valid import valid
from grader.exchange import Findings, Task
from grader.worker.pool import Server, Session, Worker, describe
from grader.worker.server import revive

WIDE = "input: [1, 8, 8]\nlayers: [{Conv2d: {out_channels: 64, kernel_size: 3}}, Flatten, {Linear: 10}]\n"
CHECKS = (valid(), accuracy(zero=0, full=1))


def session(server: Server, folder: Path, limits: Limits) -> Session:
    names = {"model": "model.yaml", "weights": "weights.safetensors"}
    return Session(server, describe(CHECKS), folder, names, limits)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    from safetensors.torch import save_file

    from builder import loads
    from builder.runtime.network.module import build

    (tmp_path / "model.yaml").write_text(WIDE)
    save_file(build(loads(WIDE)).state_dict(), tmp_path / "weights.safetensors")
    return tmp_path


def task(count: int) -> Task:
    parameters = {"batch": count, "affine": [], "preprocessing": PLAIN, "forecast": False, "per_step": False}
    return Task(parameters, {"inputs": np.zeros((count, 1, 8, 8), np.float32)})


PLAIN = '{"geometry": [], "scale": [1.0], "shift": [0.0], "fitted": [], "classes": []}'


def test_memory_has_a_limit_that_the_plan_did_not_see(server: Server, folder: Path) -> None:
    opened = session(server, folder, Limits(memory=256 << 20))
    small = opened.ask(1, task(10))
    large = opened.ask(1, task(200_000))
    after = opened.ask(1, task(10))
    opened.close()
    assert isinstance(small, Findings) and isinstance(after, Findings)
    assert isinstance(large, Failed) and large.expected == "a network within the limit of memory"


def test_findings_do_not_depend_on_what_came_before(server: Server, folder: Path) -> None:
    opened, fresh = session(server, folder, Limits()), session(server, folder, Limits())
    for count in (3, 30):
        opened.ask(1, task(count))
    one, other = opened.ask(1, task(10)), fresh.ask(1, task(10))
    opened.close()
    fresh.close()
    assert isinstance(one, Findings) and isinstance(other, Findings)
    assert one.arrays["outputs"].tobytes() == other.arrays["outputs"].tobytes()


def test_a_worker_compiles_nothing(server: Server, tmp_path: Path) -> None:
    """What `compile` asks for would be a process without a worker's limits, and other last digits."""
    from safetensors.torch import save_file

    from builder import loads
    from builder.runtime.network.module import build

    inputs = np.random.default_rng(0).normal(size=(50, 8, 8)).astype(np.float32)
    given = Task(task(50).parameters, {"inputs": inputs})
    found = []
    for compiles in ("false", "true"):
        model = f"input: [8, 8]\nlayers: [{{MGU: {{hidden_size: 10, output: last, compile: {compiles}}}}}]\n"
        folder = tmp_path / compiles
        folder.mkdir()
        (folder / "model.yaml").write_text(model)
        save_file(build(loads(model)).state_dict(), folder / "weights.safetensors")
        opened = session(server, folder, Limits())
        answer = opened.ask(1, given)
        log = opened.close()
        assert isinstance(answer, Findings), answer
        assert "compil" not in log
        found.append(answer.arrays["outputs"].tobytes())
    assert found[0] == found[1]


def test_each_session_has_a_process_of_its_own(server: Server, folder: Path) -> None:
    names = {"model": "model.yaml"}
    workers = [Worker(server, describe(CHECKS), folder, names, Limits()) for _ in range(3)]  # type: ignore[arg-type]
    assert len({worker.pid for worker in workers}) == 3
    for worker in workers:
        assert isinstance(worker.ask(0, Task()), Findings)
        worker.close()


def test_what_a_worker_prints_is_kept_and_changes_nothing(server: Server, folder: Path) -> None:
    opened = session(server, folder, Limits())
    answer = opened.ask(1, Task({"batch": "no number"}))
    assert "KeyError" in opened.close() or "TypeError" in str(answer)


def test_workers_are_not_told_what_is_right() -> None:
    question = Question(
        ask="How many?", answer="161803 + parameters()", wrong={"271828": "A slip."}, points=3.25
    )
    for metric in ("accuracy", "rmse"):
        bounds = (0.577, 0.693) if metric == "accuracy" else (0.693, 0.577)
        measured = accuracy(metric=metrics[metric](), zero=bounds[0], full=bounds[1])
        text = describe((answers(questions={"q1": question}), measured))
        assert "q1" in text and metric in text
        assert not [told for told in ("161803", "271828", "slip", "3.25", "0.577", "0.693") if told in text]
        assert [type(check) for check in revive(text)] == [answers, accuracy]
