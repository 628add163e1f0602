"""Inside a worker: one submission, opened once; one check's work after the other, each within its limits.

It is asked in frames and answers in frames: findings, a refusal (the submission's fault) or an error (ours).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import socket
from pathlib import Path
from typing import Final

from grader.check import Check
from grader.comparing.cell_equality import COMPARISON, Comparison
from grader.exchange import Task
from grader.submission.limits import Limits
from grader.submission.submission import Submission
from grader.worker.frames import Closed, Garbled, receive, send
from grader.worker.one_step import Works, attempt, packed

LOG_BYTES: Final = 1 << 20
_PR_SET_PDEATHSIG: Final = 1
_OPEN_FILES: Final = 64


def confine(limits: Limits) -> None:
    """Limits this process for good: memory from here, no core, few files, almost nothing written."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Torch alone maps gigabytes of address space: what counts is what comes on top.
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    _limit(resource.RLIMIT_AS, mapped + limits.memory)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, LOG_BYTES)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (value, value))


def allow_seconds(seconds: int) -> None:
    """Gives the next step so much processor time; past it the kernel ends this process with SIGXCPU."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime) + 1 + seconds
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def serve(channel: socket.socket, submission: Submission, checks: tuple[Check, ...], limits: Limits) -> None:
    """Answers every task until the other side closes."""
    while True:
        try:
            request = receive(channel, limits.arrays)
        except (Closed, Garbled):
            return
        allow_seconds(int(request.data["seconds"]))
        number = int(request.data["check"])
        work: Works = Comparison() if number == COMPARISON else checks[number]
        answer = attempt(work, Task(request.data["parameters"], request.arrays), submission)
        with contextlib.suppress(Closed):
            send(channel, packed(answer, limits.arrays))


def silence(log: int) -> None:
    """Sends what libraries print to the log, and gives them nothing to read."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
