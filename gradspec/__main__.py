"""The command `gradspec`, also as ``python -m gradspec``: what hides a package of ours is said in one sentence."""

from __future__ import annotations

import sys

from gradspec.namesakes import hidden


def main() -> int:
    """Runs the command line and gives its exit code; 2 where a file hides one of our packages."""
    if problem := hidden():
        print(f"Error: {problem}", file=sys.stderr)
        return 2
    from cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
