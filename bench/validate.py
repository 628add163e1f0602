"""`gradspec validate` as a whole process, beside what every tool built on torch pays before it begins.

python bench/validate.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from timing import interleaved, report

LENET = Path(__file__).parent.parent / "specs" / "models" / "lenet5.yaml"


def process(*command: str) -> Callable[[], object]:
    """A whole process; it must succeed. Its byte code is kept, as after every installation."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run(command, check=True, capture_output=True, env=environment)


def main() -> None:
    """Runs the comparison and prints it."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=15)
    asked = options.parse_args()
    gradspec = str(Path(sys.executable).with_name("gradspec"))
    with tempfile.TemporaryDirectory() as folder:
        long = Path(folder) / "long.yaml"
        items = "".join("  - Linear: 64\n  - ReLU\n" for _ in range(500))
        long.write_text(f"input: [64]\nlayers:\n{items}", encoding="utf-8")
        found = interleaved(
            {
                "python -c 'import torch'": process(sys.executable, "-c", "import torch"),
                "python -c pass": process(sys.executable, "-c", "pass"),
                "python -c 'import pydantic, yaml'": process(
                    sys.executable, "-c", "import yaml; from pydantic import BaseModel"
                ),
                "gradspec validate, LeNet-5": process(gradspec, "validate", str(LENET)),
                "gradspec validate, 1,000 layers": process(gradspec, "validate", str(long)),
            },
            asked.rounds,
            warm=2,
        )
    report("A whole process", found, "python -c 'import torch'")


if __name__ == "__main__":
    main()
