"""The grader's side of its workers: one server, a fresh worker per submission, and what became of each."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from builder.errors import RunError
from grader.check import Check
from grader.exchange import Findings, Role, Task
from grader.outcome import Broken, Failed
from grader.submission.limits import Limits
from grader.worker.frames import Closed, Frame, Garbled, pack, receive, send
from grader.worker.one_step import answer_of
from grader.worker.server import FORK, READY, STATUS

START_SECONDS: Final = 120.0
LOG_SHOWN: Final = 1 << 16
_RUN: Final = "from grader.worker.server import main; main()"


class Lost(Exception):
    """A worker that ended without an answer, by no limit of its own."""


class Server:
    """The fork server, as a context. Starting it takes as long as importing torch."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control: Final = ours
        self._errors: Final = os.memfd_create("errors")
        with theirs:
            self._process: Final = subprocess.Popen(
                [sys.executable, "-c", _RUN, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
            )
        ours.settimeout(START_SECONDS)
        self._ready = False

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._errors)

    def wait(self) -> None:
        """Waits until torch is loaded. Raises ``RunError`` if the server cannot start."""
        if not self._ready:
            try:
                self._ready = self._control.recv(len(READY)) == READY
            except OSError:
                self._ready = False
            if not self._ready:
                told = os.pread(self._errors, LOG_SHOWN, 0).decode(errors="replace").strip()[-2000:]
                raise RunError("the grader's workers cannot start", told or None)

    def kill(self) -> None:
        """Ends the server and, with it, every worker at once."""
        self._process.kill()

    def fork(self, request: dict[str, object], channel: int, log: int, pipe: int) -> None:
        """Asks for a worker that serves ``channel``."""
        descriptor = os.memfd_create("request")
        try:
            os.write(descriptor, json.dumps(request).encode())
            socket.send_fds(self._control, [FORK], [descriptor, channel, log, pipe])
        finally:
            os.close(descriptor)


def _environment() -> dict[str, str]:
    """What the server needs to find the same packages, and nothing else."""
    kept = ("PATH", "HOME", "LD_LIBRARY_PATH", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        # Large pages: torch's heap is copied by reference at every fork, a third faster so (measured).
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "CUDA_VISIBLE_DEVICES": "",
        # A compiler would run past a worker's limits, and one's last digits are this machine's own.
        "GRADSPEC_COMPILE": "never",
    }


class Worker:
    """One fresh process that has one folder open."""

    def __init__(
        self, server: Server, checks: str, folder: Path, names: Mapping[Role, str], limits: Limits
    ) -> None:
        self.folder: Final = folder
        self._limits: Final = limits
        self._log: Final = os.memfd_create("log")
        self._channel, theirs = socket.socketpair()
        self._exit, pipe = os.pipe()
        request: dict[str, object] = {
            "checks": checks,
            "folder": os.fsencode(folder).hex(),
            "names": dict(names),
            "limits": asdict(limits),
        }
        try:
            with theirs:
                server.fork(request, theirs.fileno(), self._log, pipe)
        except OSError:  # the server is gone: no process id will come
            pass
        finally:
            os.close(pipe)
        told = os.read(self._exit, STATUS.size)
        self.pid: Final[int] = STATUS.unpack(told)[0] if len(told) == STATUS.size else 0
        self.alive = self.pid > 0

    def ask(self, check: int, task: Task) -> Findings | Failed | Broken:
        """One check's work. A limit it passed is its failure; raises ``Lost`` if the worker just ended."""
        limits = self._limits.lasting(task.seconds)
        deadline = time.monotonic() + limits.wall_seconds
        request = Frame(
            {"check": check, "parameters": task.parameters, "seconds": limits.seconds}, task.arrays
        )
        try:
            if not self.alive:
                raise Lost("the server of workers ended")
            send(self._channel, pack(request), deadline)
            answer = receive(self._channel, self._limits.arrays, deadline)
        except TimeoutError:
            self.kill()
            return Failed(
                f"an answer within {limits.wall_seconds:g} seconds (the limit of time)",
                "none within that time",
            )
        except Closed:
            return self._ended(limits.seconds)
        except Garbled as garbled:
            self.kill()
            raise Lost(str(garbled)) from None
        return answer_of(answer)

    def kill(self) -> None:
        """Ends the process at once."""
        if self.alive:
            self.alive = False
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def close(self) -> str:
        """Ends the process and returns what it wrote to stderr, for the lecturer."""
        self.kill()
        self._channel.close()
        os.close(self._exit)
        log = os.pread(self._log, LOG_SHOWN, 0).decode(errors="replace")
        os.close(self._log)
        return log

    def _ended(self, seconds: int) -> Failed:
        status = os.read(self._exit, STATUS.size)
        if len(status) < STATUS.size:
            raise Lost("the server of workers ended")
        code = os.waitstatus_to_exitcode(STATUS.unpack(status)[0])
        self.alive = False
        if code == -signal.SIGXCPU:
            return Failed(
                f"an answer within {seconds} seconds of processor time (the limit of time)",
                "none within that time",
            )
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
        raise Lost(f"the worker ended {how} before it answered")


class Session:
    """One submission's worker, started again where a limit ended it; after a second loss, broken for good."""

    def __init__(
        self,
        server: Server,
        checks: str,
        folder: Path,
        names: Mapping[Role, str],
        limits: Limits,
    ) -> None:
        self._make: Callable[[], Worker] = partial(Worker, server, checks, folder, names, limits)
        self._worker: Worker | None = None
        self._broken: Broken | None = None
        self._losses = 0
        self._log: list[str] = []

    def ask(self, check: int, task: Task) -> Findings | Failed | Broken:
        """One check's work, with one retry for this submission if the worker is lost."""
        while self._broken is None:
            if self._worker is None:
                self._worker = self._make()
            try:
                answer = self._worker.ask(check, task)
            except Lost as lost:
                self._end()
                self._losses += 1
                if self._losses > 1:
                    self._broken = Broken(f"{lost}, twice")
                continue
            if isinstance(answer, Failed) and not self._worker.alive:
                self._end()
            return answer
        return self._broken

    def close(self) -> str:
        """Ends the worker and returns all that was written to stderr."""
        self._end()
        return "".join(self._log)

    def _end(self) -> None:
        if self._worker is not None:
            self._log.append(self._worker.close())
            self._worker = None


def describe(checks: tuple[Check, ...]) -> str:
    """The checks as the server reads them back (``grader.worker.server.revive``), without what is right."""
    return json.dumps([[type(check).__name__, check.without_answers().plain()] for check in checks])
