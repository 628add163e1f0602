"""Every wrong spec in ``messages/`` gives exactly the text beside it: all its errors, whole.

``python tests/test_messages.py --write [NAME…]`` writes the texts anew; read each of them as a student would.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from builder import SpecErrors, load

FOLDER = Path(__file__).parent / "messages"
WRONG = sorted(FOLDER.glob("*.yaml"))


def message(path: Path) -> str:
    """All errors of a spec, one a line, its folder left out."""
    try:
        load(path)
    except SpecErrors as errors:
        text = "".join(f"{error}\n" for error in errors.errors)
        return text.replace(f"{path.parent}/", "").replace(str(path.parent), "its folder")
    return ""


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_message(path: Path) -> None:
    assert message(path) == path.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_message_has_its_spec_and_says_something() -> None:
    texts = sorted(FOLDER.glob("*.txt"))
    assert [path.stem for path in texts] == [path.stem for path in WRONG]
    assert len(WRONG) >= 80
    assert all(path.read_text(encoding="utf-8") for path in texts)


def write(names: list[str]) -> None:
    """Writes what each wrong spec gives now: those of ``names``, or all."""
    for path in WRONG:
        if names and path.stem not in names:
            continue
        path.with_suffix(".txt").write_text(message(path), encoding="utf-8")


if __name__ == "__main__" and "--write" in sys.argv:
    write(sys.argv[2:])
