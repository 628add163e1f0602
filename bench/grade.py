"""Grading a class: LeNet, with `valid`, `shapes`, `size`, `forward`, `gradients`, `clean` and `by hand`.

Every submission is the demo's right one; the first grading of a process starts the fork server and judges the
reference, which is why the whole class's time and the time from the first result to the last are both shown.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from importlib.resources import files
from pathlib import Path

from grader import grade

HOME = Path(str(files("specs") / "assignments" / "lenet-digits"))


def main() -> None:
    """Grades a class of copies, a few times, and prints the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    whole: list[float] = []
    warm: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder) / "class"
        for number in range(options.submissions):
            shutil.copytree(HOME / "class" / "ada", room / f"student-{number:04}")
        for round_ in range(options.rounds):
            seen: list[float] = []
            start = time.perf_counter()
            grade(
                HOME / "assignment.yaml",
                room,
                Path(folder) / f"out-{round_}",
                watch=lambda event, seen=seen: seen.append(time.perf_counter()),  # type: ignore[misc]
            )
            whole.append(time.perf_counter() - start)
            warm.append((len(seen) - 2) / (seen[-1] - seen[1]))
    print(f"{options.submissions} submissions, {options.rounds} rounds, medians")
    print(f"  the whole class: {statistics.median(whole):.1f} s")
    print(f"  once warm:       {statistics.median(warm):.1f} submissions a second")


if __name__ == "__main__":
    main()
