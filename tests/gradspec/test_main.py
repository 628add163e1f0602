"""`python -m gradspec` is the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_module_is_the_command(tmp_path: Path) -> None:
    for words, code, said in (
        (("validate", str(ROOT / "specs/models/lenet5.yaml")), 0, "right; 12 layers"),
        (("validate", str(ROOT / "specs/demo/three_mistakes.yaml")), 1, "3 errors in"),
        (("vaildate",), 2, "See `gradspec --help`."),
        (("--help",), 0, "Usage: gradspec [OPTIONS] COMMAND"),
    ):
        run = subprocess.run(
            [sys.executable, "-m", "gradspec", *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == code
        assert said in run.stdout + run.stderr
        assert "Traceback" not in run.stderr
