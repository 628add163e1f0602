"""A file or a text becomes a spec with every shape, or all of its errors at once."""

from __future__ import annotations

from collections.abc import Sequence as SequenceABC
from pathlib import Path
from typing import TYPE_CHECKING

from builder.data.info import DataInfo, Target
from builder.data.made import reads_runs
from builder.elaborate.advice import advise
from builder.elaborate.elaborate import elaborate
from builder.elaborate.expectations import check_data, check_expectations, data_info
from builder.elaborate.resolve import resolve
from builder.errors import Report, SpecError, SpecErrors
from builder.language.nodes import Document
from builder.language.source import read_file, read_text
from builder.shapes import DEFAULT_LIMIT_BYTES
from builder.spec.graph import Graph
from builder.spec.read import read_spec
from builder.spec.spec import ModelSpec
from builder.spec.written import WrittenSpec

if TYPE_CHECKING:
    from builder.games.section import Adversarial


def load(
    path: str | Path, sets: SequenceABC[str] = (), *, limit_bytes: int = DEFAULT_LIMIT_BYTES
) -> ModelSpec:
    """Reads a spec from a file. ``sets`` overrides single values: ``("train.epochs=3",)``.

    Raises ``SpecErrors`` with everything that is wrong, and ``OSError`` if the file cannot be read.
    ``limit_bytes`` bounds the memory of parameters, and of activations at batch 1.
    """
    path = Path(path)
    return from_document(read_file(path), path.parent, sets, limit_bytes)


def loads(
    text: str,
    file: str = "<text>",
    folder: Path | None = None,
    sets: SequenceABC[str] = (),
    *,
    limit_bytes: int = DEFAULT_LIMIT_BYTES,
) -> ModelSpec:
    """Reads a spec from text, as ``load`` does; ``folder`` is what its paths are relative to. Raises ``SpecErrors``."""
    return from_document(read_text(text, file), folder or Path(), sets, limit_bytes)


def infer(spec: ModelSpec) -> Graph:
    """The graph of a spec: each layer's name, type, output, parameters, multiply-adds and arithmetic."""
    return spec.graph


@reads_runs
def _generator_of(folder: Path) -> DataInfo | None:
    """What the generator of a run makes, from the run's spec."""
    from builder.files.run_folder import SPEC, spec_of_run

    text, start = spec_of_run(folder)
    spec = loads(text, str(folder / SPEC), start)
    if spec.adversarial is None or spec.data is None:
        return None
    graph = spec.networks[spec.adversarial.generator].graph
    (last,) = graph.outputs.values()
    output = next(layer.output_type for layer in graph.layers if layer.name == last)
    if spec.adversarial.conditional is None:
        return DataInfo(output, Target(), examples=0, range=None)
    source = spec.data.fitted.describe(spec.folder)
    return DataInfo(output, Target(source.target.classes), examples=0, range=source.range)


def from_document(
    document: Document,
    folder: Path,
    sets: SequenceABC[str] = (),
    limit_bytes: int = DEFAULT_LIMIT_BYTES,
) -> ModelSpec:
    """The spec of a parsed document, as ``load`` gives it. Raises ``SpecErrors``.

    A grader calls it with a document from which the sections that it does not judge were removed.
    """
    report = Report()
    if sets:
        from builder.language.overrides import override

        document = override(document, sets, report)
    spec = read_spec(document, folder, report)
    if spec is None:
        raise SpecErrors(report.errors, report.advice)
    if spec.written("networks") is not None or spec.adversarial_node is not None:
        return _several(spec, report, limit_bytes)
    elaborated = elaborate(spec, report, limit_bytes)
    graph = elaborated.graph
    check_expectations(spec, graph, report)
    check_data(spec, graph, report)
    report.raise_errors()
    advise(spec, graph, report)
    return _complete(spec, graph, resolve(spec, elaborated), report.advice)


def _several(spec: WrittenSpec, report: Report, limit_bytes: int) -> ModelSpec:
    """The spec of several networks: each worked out, and the two players checked against each other."""
    from builder.elaborate.players import (
        advise_players,
        check_players,
        complete_adversarial,
        conditional_classes,
    )
    from builder.elaborate.resolve import resolve_several
    from builder.elaborate.several import elaborate_all

    info = data_info(spec, report)
    classes = conditional_classes(spec, info, report)
    several = elaborate_all(spec, classes, report, limit_bytes)
    for name, network in several.networks.items():
        check_expectations(network, several.graph_of(name), report)
    check_expectations(spec, several.graph, report)
    check_players(spec, several, info, report)
    report.raise_errors()
    for name, network in several.networks.items():
        advise(network, several.graph_of(name), report)
    advise_players(spec, several, info, report)
    adversarial = complete_adversarial(spec, several)
    networks = {
        name: _complete(network, several.graph_of(name)) for name, network in several.networks.items()
    }
    normal = resolve_several(spec, several, adversarial)
    return _complete(spec, several.graph, normal, report.advice, adversarial, networks)


def _complete(
    spec: WrittenSpec,
    graph: Graph,
    normal: dict[str, object] | None = None,
    advice: tuple[SpecError, ...] = (),
    adversarial: Adversarial | None = None,
    networks: dict[str, ModelSpec] | None = None,
) -> ModelSpec:
    """The model spec: the public part of the written one, with its graph and what follows from it."""
    return ModelSpec(
        file=spec.file,
        folder=spec.folder,
        name=spec.name,
        inputs=spec.inputs,
        graph=graph,
        networks=networks or {},
        data=spec.data,
        train=spec.train,
        adversarial=adversarial,
        game=spec.game,
        attacks=spec.attacks,
        cells=spec.cells,
        holes=spec.holes,
        advice=advice,
        normal=normal or {},
    )
