"""The fork server: loads torch once, then makes a fresh process for every submission in milliseconds.

Its one argument is a socket's descriptor, on which each message brings four more: the request (a file of
JSON), the worker's channel, its log, and a pipe on which its process id and, later, its exit status are written.
When the socket closes the server ends, and its workers with it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any, Final, NoReturn, cast

from safetensors.numpy import load as unpack
from safetensors.numpy import save

from builder import loads
from builder.errors import Report
from builder.language.nodes import Scalar, Sequence
from builder.language.source import read_text
from builder.layers.layer import layers
from builder.reader import Reader
from grader.check import Check, checks
from grader.exchange import Role
from grader.outline import Outline
from grader.submission.limits import Limits
from grader.submission.submission import Submission
from grader.worker.worker import confine, serve, silence

FORK: Final = b"fork"
STATUS: Final = struct.Struct("<i")
READY: Final = b"ready"


def main() -> None:
    """Serves until the socket closes."""
    control = socket.socket(fileno=int(sys.argv[1]))
    _load()
    control.send(READY)
    _Server(control).run()


def _load() -> None:
    """Loads all that a worker needs, so that none pays for it, and fixes what must not differ."""
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    torch.manual_seed(0)

    for catalogue in (layers, checks):
        for name in catalogue:
            catalogue[name]
    _warm()
    gc.collect()
    gc.freeze()  # a collection in a worker would copy every page


_SMALL: Final = """
input: [1, 8, 8]
layers: [{Conv2d: {out_channels: 2, kernel_size: 3}}, {AvgPool2d: 2}, Flatten, {Linear: 2}, Tanh]
"""


def _warm() -> None:
    """Takes a small network the whole way once: what torch and we set up on first use is then there."""
    import torch

    import builder.runtime.attacks.attack
    import builder.runtime.attacks.in_source_units
    import builder.runtime.cells.equality
    import builder.runtime.insight.through_time  # noqa: F401
    from builder.runtime.data.preprocessing import Preprocessing
    from builder.runtime.network.module import build

    spec = loads(_SMALL)
    Outline.from_json(Outline.of(spec.graph).to_json())
    network = build(spec)
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    network.load_state_dict({name: torch.from_numpy(a) for name, a in unpack(save(arrays)).items()})
    for precision in (torch.float32, torch.float64):
        network.to(precision).eval()
        x = Preprocessing().apply_affine(torch.ones(4, 1, 8, 8, dtype=precision))
        with torch.inference_mode():
            network(x)
        network(x).sum().backward()


def _warm_training() -> None:
    """What an optimiser's first step sets up, which takes seconds: for assignments that train here."""
    import torch

    import builder.runtime.games.game_loop
    import builder.runtime.training.loop  # noqa: F401

    torch.optim.Adam([torch.nn.Parameter(torch.ones(1))]).step()
    gc.collect()
    gc.freeze()


class _Server:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._status: dict[int, int] = {}
        self._checks: dict[str, tuple[Check, ...]] = {}

    def run(self) -> None:
        wake, woken = os.pipe()
        for end in (wake, woken):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the grader decides what Ctrl-C means
        signal.set_wakeup_fd(woken)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fd == wake:
                        os.read(wake, 4096)
                        self._reap()
                    elif not self._request():
                        return

    def _reap(self) -> None:
        while self._status:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            pipe = self._status.pop(pid)
            _tell(pipe, status)
            os.close(pipe)

    def _request(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, len(FORK), 4)
        if not message:
            return False
        message_file, channel, log, pipe = descriptors
        with os.fdopen(message_file, "rb") as stream:
            stream.seek(0)
            request = json.load(stream)
        known = self._known(request["checks"])
        pid = os.fork()
        if pid == 0:
            _work(request, known, channel, log)
        _tell(pipe, pid)
        self._status[pid] = pipe
        os.close(channel)
        os.close(log)
        return True

    def _known(self, text: str) -> tuple[Check, ...]:
        """The checks of an assignment, read once and not by every worker."""
        if text not in self._checks:
            self._checks[text] = revive(text)
            if any(check.needs_training for check in self._checks[text]):
                _warm_training()
        return self._checks[text]


def _tell(pipe: int, value: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # whoever asked is gone
        os.write(pipe, STATUS.pack(value))


def revive(text: str) -> tuple[Check, ...]:
    """The checks from ``[[name, fields], …]`` in JSON, which is YAML, and so read as an assignment's are."""
    report = Report()
    reader = Reader(report, {})
    root = read_text(text, "<checks>").root
    assert isinstance(root, Sequence)
    revived: list[Check] = []
    for item in root.items:
        assert isinstance(item, Sequence)
        name, fields = item.items
        assert isinstance(name, Scalar)
        if (check := reader.component(checks[name.text], fields, name.place)) is not None:
            revived.append(check)
    report.raise_errors()
    return tuple(revived)


def _work(request: dict[str, Any], known: tuple[Check, ...], channel: int, log: int) -> NoReturn:
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        silence(log)
        os.dup2(channel, 3)
        os.closerange(4, 4096)
        limits = Limits(**request["limits"])
        confine(limits)
        names = cast("dict[Role, str]", request["names"])
        folder = Path(os.fsdecode(bytes.fromhex(request["folder"])))
        submission = Submission(folder, names, arrays_limit=limits.arrays)
        with socket.socket(fileno=3) as connection:
            serve(connection, submission, known, limits)
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)
