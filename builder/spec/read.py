"""From a document to the spec as it is written, of one network or of several."""

from __future__ import annotations

from pathlib import Path

from builder.errors import Report
from builder.language.nodes import Document, Mapping, describe
from builder.reader import Reader
from builder.spec.document import DocumentReader, has_several
from builder.spec.written import WrittenSpec


def read_spec(document: Document, folder: Path, report: Report) -> WrittenSpec | None:
    """The spec as written; everything wrong with its keys and structure goes to ``report``.

    Returns None for a text that is no mapping, or an assignment.
    """
    root = document.root
    if not isinstance(root, Mapping):
        report.error(
            root.place,
            f"expected a spec with the keys `input` and `layers`, found {describe(root)}",
            "A spec is a mapping: `input: [1, 28, 28]`, then `layers:` and a list.",
        )
        return None
    if "assignment" in root.entries:
        report.error(
            root.keys["assignment"],
            "this is an assignment, not a model spec",
            "Grade with it: `gradspec grade ASSIGNMENT SUBMISSIONS --out DIR`.",
        )
        return None
    spec = DocumentReader(document, folder, root, report).spec()
    if has_several(root) or "attacks" in root.entries:
        from builder.spec.several import with_networks

        return with_networks(spec, root, Reader(report, spec.constants, spec.constants_used))
    return spec
