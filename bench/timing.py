"""Side by side: every contender once per round, in turn, so that what disturbs the machine disturbs all."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping


def interleaved(
    contenders: Mapping[str, Callable[[], object]], rounds: int, warm: int = 1
) -> dict[str, list[float]]:
    """Seconds of each contender in each round; a contender that returns a float says its own seconds.

    The order turns by one from round to round: none is always the first.
    """
    names = list(contenders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(warm + rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            started = time.perf_counter()
            found = contenders[name]()
            taken = found if isinstance(found, float) else time.perf_counter() - started
            if turn >= warm:
                seconds[name].append(taken)
    return seconds


def report(title: str, seconds: Mapping[str, list[float]], against: str) -> None:
    """Prints medians, spreads and, round by round, the median ratio to the contender ``against``."""
    base = seconds[against]
    print(f"\n{title}  ({len(base)} rounds, {os.cpu_count()} × {platform.machine()})")
    for name, taken in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(taken, base, strict=True))
        print(
            f"  {name:<34} {statistics.median(taken) * 1e3:10.2f} ms"
            f"  ({min(taken) * 1e3:.2f} to {max(taken) * 1e3:.2f})   × {ratio:.3f}"
        )
