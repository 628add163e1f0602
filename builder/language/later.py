"""Names that the language has and this version does not build yet: ``builder/later.yaml``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).parents[1] / "later.yaml"


def later(kind: str) -> frozenset[str]:
    """The names of ``kind`` that are not built yet.

    ``kind`` is a catalogue's (``layer type``), what has a key (``a spec``), or the class of a section (``Data``).
    The file is read on the first call: call it for a name that is unknown.
    """
    return _names().get(kind, frozenset())


@cache
def _names() -> dict[str, frozenset[str]]:
    import yaml

    kinds = yaml.CSafeLoader(FILE.read_bytes()).get_single_data()
    return {kind: frozenset(names) for kind, names in kinds.items()}
