"""What the generator of a run makes, described as data.

The run holds its spec, and whoever reads specs stands above this room: ``builder.load`` registers its reader here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from builder.data.info import DataInfo

ReadRun = Callable[[Path], DataInfo | None]
_readers: Final[list[ReadRun]] = []


def reads_runs(reader: ReadRun) -> ReadRun:
    """Registers ``reader`` (a decorator): ``generator_of`` calls it."""
    _readers[:] = [reader]
    return reader


def generator_of(folder: Path) -> DataInfo | None:
    """What the generator of the run in ``folder`` makes; None if the run trained no GAN. Without torch.

    ``target.classes`` says how many classes the GAN is conditional on, or None; of a conditional GAN, ``range`` is
    that of the GAN's source. No weight is read. Raises ``SpecErrors`` for a spec that is wrong, and ``Cause`` where
    the folder has none, or where the GAN's source is not there.
    """
    (reader,) = _readers
    return reader(folder)
