"""The layer type of a name: a cell of the author's or of a library, one of the catalogue, or a shipped cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.errors import Cause, Report, did_you_mean
from builder.language.keys import is_hole
from builder.layers.layer import Layer, layers
from builder.spec.written import Item, WrittenSpec

if TYPE_CHECKING:
    from builder.cells.cell import Cell
    from builder.cells.layer import CellLayer


class LayerTypes:
    """The layer types of one spec by name. ``cells`` holds those made of the cells that items name."""

    def __init__(self, spec: WrittenSpec, report: Report) -> None:
        self.spec = spec
        self.report = report
        self.cells: dict[str, type[CellLayer]] = {}

    def of(self, item: Item) -> type[Layer] | None:
        """The layer type that an item names; None where there is no such type (reported) or it is not known."""
        kind = item.kind
        assert kind is not None
        if kind in self.cells:
            return self.cells[kind]
        if kind in self.spec.open_cells:
            return None
        if kind in layers and kind not in self.spec.cells:
            return layers[kind]
        from builder.cells.layer import cell_layer

        cell = self._cell(kind)
        if cell is not None:
            self.cells[kind] = cell_layer(cell)
            return self.cells[kind]
        try:
            return layers.get(kind)
        except Cause as cause:
            self._report_unknown(item, kind, cause)
            return None

    def _cell(self, kind: str) -> Cell | None:
        """The author's own or a library's cell of that name, or a shipped one."""
        from builder.cells.shipped import shipped_cell

        cell = self.spec.cells.get(kind)
        if cell is None:
            return shipped_cell(kind)
        library = self.spec.library
        if library is not None and kind in library.cells and kind not in self.spec.imported:
            self.report.advise(cell.place, f"the cell `{kind}` hides a library's of that name")
        elif kind in layers:
            self.report.advise(cell.place, f"the cell `{kind}` hides the layer type of that name")
        elif (known := shipped_cell(kind)) is not None and known.written != cell.written:
            self.report.advise(cell.place, f"the cell `{kind}` hides the shipped one of that name")
        return cell

    def _report_unknown(self, item: Item, kind: str, cause: Cause) -> None:
        from builder.cells.shipped import shipped

        spec = self.spec
        if spec.library is not None and not spec.library.complete:
            return  # it may stand in a file that could not be read
        if any(is_hole(spec.written(key)) for key in ("blocks", "cells")):
            return
        own = [*spec.blocks, *spec.cells, *spec.open_cells]
        hint = did_you_mean(kind, [*own, *layers, *shipped()]) or cause.hint
        hint = hint or "`gradspec layers` lists them all."
        if kind in layers.later:
            hint = None
        self.report.error(item.kind_place or item.place, cause.problem, hint)
