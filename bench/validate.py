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
# What any reader of YAML with pydantic pays, before it has a line of its own: the libraries' imports, some of
# which come with the first model that is built, one model and two lines. Set up as the command sets itself up.
FLOOR = """
import os
os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
import yaml
from pydantic import BaseModel

class Linear(BaseModel):
    name: str
    out_features: int

Linear.model_validate(yaml.load("name: output\\nout_features: 10\\n", Loader=yaml.CSafeLoader))
"""


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
                "import yaml, pydantic.BaseModel": process(
                    sys.executable, "-c", "import yaml; from pydantic import BaseModel"
                ),
                "the same, one model, two lines": process(sys.executable, "-c", FLOOR),
                "gradspec validate, LeNet-5": process(gradspec, "validate", str(LENET)),
                "gradspec validate, 1,000 layers": process(gradspec, "validate", str(long)),
            },
            asked.rounds,
            warm=2,
        )
    report("A whole process", found, "python -c 'import torch'")


if __name__ == "__main__":
    main()
