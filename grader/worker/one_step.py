"""One check's work on one submission, and every way it may end."""

from __future__ import annotations

import sys
import traceback
from typing import Protocol

from builder.errors import SpecErrors
from grader.exchange import Findings, Task
from grader.outcome import Broken, Failed, Refusal
from grader.submission.submission import Submission
from grader.worker.frames import Frame, fits, pack


class Works(Protocol):
    """Whatever does a task's work: a check, or the comparison of two cells."""

    def work(self, task: Task, submission: Submission) -> Findings:
        """Computes. Raises ``Refusal`` for what the submission did."""


def attempt(check: Works, task: Task, submission: Submission) -> Frame:
    """Runs a check's work: a frame of findings, of a refusal (the submission's fault) or an error (ours)."""
    try:
        findings = check.work(task, submission)
    except Refusal as refusal:
        return _refused(refusal)
    except MemoryError:
        return _refused(_out_of_memory())
    except SpecErrors as errors:
        return _refused(Refusal("a model without errors", str(errors)))
    except Exception as error:
        if "can't allocate memory" in str(error) or "not enough memory" in str(error):
            return _refused(_out_of_memory())
        traceback.print_exc(file=sys.stderr)
        return Frame({"error": f"{type(error).__name__}: {error}"[:2000]})
    return Frame({"found": findings.data}, findings.arrays)


def packed(answer: Frame, arrays_limit: int) -> bytes:
    """The answer as bytes; one over the limit is a refusal, one that cannot be sent an error of ours."""
    try:
        data = pack(answer)
        return data if fits(data, arrays_limit) else pack(_refused(_too_long(len(data), arrays_limit)))
    except MemoryError:
        return pack(_refused(_out_of_memory()))
    except (TypeError, ValueError) as error:
        traceback.print_exc(file=sys.stderr)
        return pack(Frame({"error": f"{type(error).__name__}: {error}"[:2000]}))


def _refused(refusal: Refusal) -> Frame:
    return Frame({"refused": [refusal.expected, refusal.found, refusal.hint]})


def _out_of_memory() -> Refusal:
    return Refusal(
        "a network within the limit of memory",
        "one that needs more",
        "Make it smaller; `gradspec shapes` shows where the memory goes.",
    )


def _too_long(size: int, limit: int) -> Refusal:
    return Refusal(f"what can be told in {limit:,} bytes (the limit of an answer)", f"{size:,} bytes")


def answer_of(answer: Frame) -> Findings | Failed | Broken:
    """What a frame says of the work."""
    data = answer.data
    if isinstance(data.get("found"), dict):
        return Findings(data["found"], answer.arrays)
    if isinstance(data.get("refused"), list) and len(data["refused"]) == 3:
        expected, found, hint = data["refused"]
        return Refusal(str(expected), str(found), None if hint is None else str(hint)).failed()
    return Broken(str(data.get("error", "the worker gave no findings")))
