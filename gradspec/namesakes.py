"""A user's files that have the name of one of gradspec's packages, and hide it.

A notebook's folder and PYTHONPATH come before the installed packages: ``import builder`` finds a file
`builder.py` there.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Final

PACKAGES: Final = ("builder", "grader", "cli", "specs")
_HOME: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def hidden() -> str | None:
    """One sentence on the first of ``PACKAGES`` that Python finds elsewhere than beside `gradspec/`, or None.

    Packages without `__init__.py` hide nothing: Python prefers ours, wherever they stand on the path.
    """
    for package in PACKAGES:
        path = _found(package)
        if path is None:
            return f"gradspec's package `{package}` is missing from `{_HOME}`: install gradspec again."
        folder = os.path.dirname(path)
        if folder != _HOME and not _same(folder, _HOME):
            return (
                f"`{path}` hides gradspec's package `{package}`: rename it, "
                f"or keep `{folder}` off Python's path (sys.path, PYTHONPATH)."
            )
    return None


def is_command() -> bool:
    """Whether this process is the command `gradspec`, which says such things without a traceback.

    While ``python -m`` looks for its module, ``sys.argv[0]`` is `-m`.
    """
    started = (getattr(sys, "argv", None) or [""])[0]  # an embedded interpreter may have none
    return started == "-m" or os.path.splitext(os.path.basename(started))[0] in (
        "gradspec",
        "gradspec-script",
    )


def _found(package: str) -> str | None:
    """The folder or file that ``import package`` loads, without importing it; None if there is none."""
    try:
        spec = find_spec(package)
    except ValueError:  # a module that no finder loaded, and that has no file
        return os.path.join(_HOME, package)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return os.path.abspath(next(iter(spec.submodule_search_locations)))
    return os.path.abspath(spec.origin or package)


def _same(one: str, other: str) -> bool:
    """Whether two paths lead to one folder, through links too."""
    return os.path.realpath(one) == os.path.realpath(other)
