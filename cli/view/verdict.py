"""What `validate` says of files: right, or everything that is wrong; without typer and without torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from builder import ModelSpec, SpecErrors, load
from builder.errors import SpecError
from builder.language.nodes import Mapping
from builder.language.source import read_file
from cli.view import render


def judge(paths: Iterable[Path], sets: Sequence[str] = (), *, as_json: bool = False) -> bool:
    """Shows what is wrong with each file, a spec or an assignment; whether nothing is."""
    errors: list[SpecError] = []
    advice: list[SpecError] = []
    for path in paths:
        try:
            verdict, notes = _read(path, sets)
            shown = [*render.advice(notes), verdict]
        except SpecErrors as failure:
            shown, notes = render.problems(failure), failure.advice
            errors += failure.errors
        advice += notes
        if not as_json:
            render.show(shown)
    if as_json:
        render.show_json(render.as_json(SpecErrors(errors, advice)))
    return not errors


def _read(path: Path, sets: Sequence[str]) -> tuple[render.Line, Sequence[SpecError]]:
    """One line on a file without errors, and advice. Raises ``SpecErrors``."""
    try:
        spec = load(path, sets)
    except SpecErrors:
        if not _is_assignment(path):
            raise
        from grader.assignment.assignment import read_assignment

        assignment = read_assignment(path)
        text = f"; {len(assignment.checks)} checks, {assignment.points:g} points"
        return (("place", f"{path}: "), ("good", "right"), ("", text)), ()
    return _verdict(spec), spec.advice


def _is_assignment(path: Path) -> bool:
    try:
        root = read_file(path).root
    except SpecErrors:
        return False
    return isinstance(root, Mapping) and "assignment" in root.entries


def _verdict(spec: ModelSpec) -> render.Line:
    """One line on a spec that has no error: what it is, or which places are still to fill."""
    if spec.holes:
        return (("place", f"{spec.file}: "), *render.holes(spec.holes))
    layers = len(spec.graph.layers)
    many = f"{layers} layers" if layers != 1 else "1 layer"
    if spec.networks:
        networks = list(spec.networks)
        names = " and ".join(filter(None, (", ".join(networks[:-1]), networks[-1])))
        many = f"{names}, {many}"
    return (
        ("place", f"{spec.file}: "),
        ("good", "right"),
        ("", f"; {many}, {spec.graph.parameters:,} parameters"),
    )
