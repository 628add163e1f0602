"""The command `explain`: equations, what becomes of them, and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.options import AsJson, Sets
from cli.view import render
from cli.view.answers import answers
from cli.view.equations import equation_lines
from cli.view.written import wrote

if TYPE_CHECKING:
    from builder.cells.cell import Cell
    from builder.errors import Place
    from builder.explanation import CellExplanation, LayerExplanation

ORDER: Final = 30
SIZE: Final = 128  # of a cell that stands alone: its input and its state
WHEN: Final = {"once": "once, for all steps", "step": "at every step", "within": "within each step"}
LABEL: Final = 12
MOST_TOLD: Final = 4  # of what a cell differs in


def explain(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A model spec, or a cell: `PeepholeLSTM`.")],
    layer: Annotated[
        str | None, typer.Argument(metavar="[LAYER]", help="One layer by its name, or all of a type.")
    ] = None,
    svg: Annotated[
        Path | None,
        typer.Option("--svg", metavar="FILE.svg", dir_okay=False, help="Draw the cell's data flow."),
    ] = None,
    sets: Sets = None,
    as_json: AsJson = False,
) -> None:
    """Say what a recurrent layer computes, what becomes of it, and what it costs.

    Its equations as a lecture writes them; which matrix products are done once for all steps, and which at
    each; what kind of recurrence it is; which of torch's layers it equals; its cost beside nn.LSTM's. Other
    layers are explained by their arithmetic. Torch is never loaded.

    \b
        gradspec explain model.yaml
        gradspec explain model.yaml memory --svg memory.svg
        gradspec explain PeepholeLSTM
    """
    with answers(as_json):
        found, holes = _explained(spec, layer, sets or [])
    if svg is not None:
        _write_picture(svg, found)
    if as_json:
        render.show_json({"errors": [], "advice": [], "layers": [layer_data(about) for about in found]})
        return
    render.show(explanation_lines(found))
    if holes:
        render.show([(), render.holes(holes)])
    if svg is not None:
        render.show([wrote(svg)])


def explanation_lines(found: tuple[LayerExplanation, ...]) -> list[render.Line]:
    """All that is said of some layers: those without equations in a table's rows, those with in full."""
    if all(explained.cell is None for explained in found):
        return list(
            render.table(
                ("layer", "output", "how"),
                [(explained.name, explained.output, explained.how) for explained in found],
            )
        )
    shown: list[render.Line] = []
    for explained in found:
        if explained.cell is not None:
            shown += [
                *([()] if shown and shown[-1] else []),
                *cell_lines(explained.name, explained.type, explained.cell),
                (),
            ]
        else:
            how = explained.how or "no parameters"
            shown += [(("title", explained.name), ("dim", f"  {explained.output}  {how}"))]
    return shown[: -1 if not shown[-1] else None]


def cell_lines(name: str, kind: str, cell: CellExplanation) -> list[render.Line]:
    """A recurrent layer in full."""
    of = [] if name == kind else [kind]
    layers = [f"{cell.num_layers} layers"] if cell.num_layers > 1 else []
    ways = ["both directions"] if cell.directions > 1 else []
    heading = "  " + ", ".join([*of, f"{cell.input_size:,} → {cell.hidden_size:,}", *layers, *ways])
    shown: list[render.Line] = [(("title", name), ("dim", heading)), ()]
    shown += [line for equation in cell.equations for line in equation_lines(equation)]
    shown.append(())
    wide = max((len(WHEN[product.when]) for product in cell.products), default=0)
    for number, product in enumerate(cell.products):
        shown += _labelled("" if number else "products", f"{WHEN[product.when]:<{wide}}  {product}")
    shown += _labelled("recurrence", f"{cell.recurrence}. {cell.meaning}")
    shown += _labelled(
        "equals", f"{cell.equals}: it runs as that." if cell.equals else "none of torch's layers:"
    )
    differences = cell.differs[:MOST_TOLD]
    more = (
        [f"and {len(cell.differs) - len(differences)} things more"]
        if len(differences) < len(cell.differs)
        else []
    )
    for difference in [*differences, *more]:
        (_, first), *rest = render.wrapped(difference, " " * (LABEL + 4))
        shown += [(("", " " * (LABEL + 2) + "– "), first), *rest]
    shown += _labelled("cost", _cost(cell))
    return shown


def _labelled(label: str, text: str) -> list[render.Line]:
    (_, first), *rest = render.wrapped(text, " " * (LABEL + 2))
    return [(("", "  "), ("place", f"{label:<{LABEL}}"), first), *rest]


def _cost(cell: CellExplanation) -> str:
    cost = cell.cost
    parameters, multiply_adds = (f"{ratio:.2f}" for ratio in cost.ratios)
    beside = f"{parameters} ×" if parameters == multiply_adds else f"{parameters} × and {multiply_adds} ×"
    return (
        f"{cost.parameters:,} parameters, {cost.multiply_adds:,} multiply-adds a step: "
        f"{beside} those of nn.LSTM."
    )


def layer_data(one: LayerExplanation) -> dict[str, Any]:
    """A layer as data: what `gradspec explain --json` writes."""
    data: dict[str, Any] = {
        "name": one.name,
        "type": one.type,
        "output": one.output,
        "how": one.how,
        "cell": None,
    }
    if one.cell is not None:
        cell = one.cell
        data["cell"] = {
            "name": cell.cell.name,
            "input_size": cell.input_size,
            "hidden_size": cell.hidden_size,
            "num_layers": cell.num_layers,
            "directions": cell.directions,
            "equations": list(cell.equations),
            "products": [
                {"when": p.when, "matrices": list(p.matrices), "operand": p.operand} for p in cell.products
            ],
            "recurrence": cell.recurrence,
            "equals": cell.equals,
            "differs": list(cell.differs),
            "parameters": cell.cost.parameters,
            "multiply_adds": cell.cost.multiply_adds,
            "nn.LSTM": {
                "parameters": cell.cost.lstm_parameters,
                "multiply_adds": cell.cost.lstm_multiply_adds,
            },
        }
    return data


def _explained(
    spec: str, layer: str | None, sets: list[str]
) -> tuple[tuple[LayerExplanation, ...], tuple[Place, ...]]:
    """What the command is about, and the places still to fill. Raises ``GradspecError`` for no such layer."""
    from builder.explanation import LayerExplanation, explain_cell

    if not Path(spec).exists():
        cell = _library_cell(spec)
        if layer is not None or sets:
            raise typer.BadParameter(f"`{spec}` is a cell: it has no layers, and nothing to set.")
        about = explain_cell(cell, SIZE, SIZE)
        return (LayerExplanation(cell.name, cell.name, f"N×T×{SIZE}", "", about),), ()
    from builder import infer, load
    from builder.errors import GradspecError, did_you_mean
    from builder.explanation import explain as explain_graph

    read = load(Path(spec), sets)
    explanations = explain_graph(infer(read))
    if layer is None:
        return explanations, read.holes
    chosen = tuple(explained for explained in explanations if layer in (explained.name, explained.type))
    if not chosen:
        names = [explained.name for explained in explanations]
        raise GradspecError(
            f"there is no layer `{layer}`", did_you_mean(layer, names) or f"There is {', '.join(names)}."
        )
    return chosen, ()


def _library_cell(name: str) -> Cell:
    from builder.cells.shipped import shipped, shipped_cell
    from builder.errors import did_you_mean

    cell = shipped_cell(name)
    if cell is None:
        hint = did_you_mean(name, shipped()) or "`gradspec layers` names them."
        raise typer.BadParameter(f"there is no file and no library cell `{name}`. {hint}")
    return cell


def _write_picture(path: Path, found: tuple[LayerExplanation, ...]) -> None:
    from builder.cells.shown.drawing import draw

    cells = {one.cell.cell.name: one.cell.cell for one in found if one.cell is not None}
    if len(cells) != 1:
        which = (
            f"Say which layer: it has the cells {', '.join(cells)}." if cells else "No layer has equations."
        )
        raise typer.BadParameter(f"`--svg` draws one cell. {which}")
    path.write_text(draw(*cells.values()), encoding="utf-8")
