"""Blocks, their parameters, cells and constants that a spec declares and does not use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from builder.errors import Report
from builder.language.nodes import Mapping

if TYPE_CHECKING:
    from builder.spec.written import WrittenSpec


@dataclass(eq=False)
class Used:
    """The names that the networks of a spec use: of blocks, of cells, and of the parameters within each block.

    ``uncertain`` means that an item could not be worked out: it may use any of them.
    """

    blocks: set[str] = field(default_factory=set)
    cells: set[str] = field(default_factory=set)
    parameters: dict[str, set[str]] = field(default_factory=dict)
    uncertain: bool = False


def report_unused(spec: WrittenSpec, used: Used, report: Report) -> None:
    """Reports each declaration of the author's own that is not used. A library may hold more than is used."""
    for name, cell in spec.cells.items():
        if name not in used.cells and name not in spec.imported and not used.uncertain:
            report.error(cell.place, f"the cell `{name}` is never used", "Use it, or remove it.")
    for name, block in spec.blocks.items():
        if name not in used.blocks:
            if name not in spec.imported and not used.uncertain:
                report.error(block.place, f"the block `{name}` is never used", "Use it, or remove it.")
        elif name in used.parameters and not report.errors:
            for parameter in block.parameters.keys() - used.parameters[name]:
                report.error(
                    block.parameters[parameter].place,
                    f"the parameter `{parameter}` of `{name}` is never read",
                    f"Say `${parameter}` where it is meant, or remove it.",
                )
    constants = spec.written("constants")
    if isinstance(constants, Mapping) and not report.errors:
        for name in spec.constants.keys() - spec.constants_used:
            report.error(
                constants.keys[name],
                f"the constant `{name}` is never read",
                f"Say `${name}`, or remove it.",
            )
