"""The command `explain-prediction`: why a network decided so of one example."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from builder.data.info import PARTS
from cli.options import AsJson, RunFolder
from cli.view import render
from cli.view.answers import answers
from cli.view.examples import image_channels, read_examples
from cli.view.written import wrote

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from builder.runtime.insight.attribution import Attributed, Example, Explanation
    from builder.runtime.runs.run import Run

ORDER: Final = 80
SHOWN: Final = 5  # classes, features, steps, tokens: the first of them
QUADRANTS: Final = ("top left", "top right", "bottom left", "bottom right")
OF_PART: Final = re.compile(rf"({'|'.join(PARTS)}):(\d+)")


def explain_prediction(
    run: RunFolder,
    example: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="`test:17`, or a file as `predict` takes it; `digits.npz:3` is its example 3.",
        ),
    ],
    methods: Annotated[
        list[str] | None,
        typer.Option(
            "--method", metavar="NAME", help="One of those above; may be repeated. Absent: all that fit."
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--class", metavar="CLASS", help="A class's name or number; absent: the likeliest."),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option("--layer", metavar="NAME", help="Of Grad-CAM; absent: the last convolution."),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option("--step", metavar="T", help="Whose output, where each step has one; absent: the last."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.png", dir_okay=False, help="Draw it here."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a network's decision on one example rests on.

    IntegratedGradients, Saliency, GradCAM and Occlusion each say how much every value of the input has to do with
    one output, in the source's units: of the class that is likeliest, or of the one that is named. Examples are
    numbered from 0, as `predict` numbers them, steps from 1. Tokens are asked at their embedding.
    `pip install 'gradspec[explain]'` brings captum, which computes it.

    \b
        gradspec explain-prediction run test:17 --out why.png
        gradspec explain-prediction run digits.npz:3 --class 7 --method Saliency
        gradspec explain-prediction run photo.png --layer conv2d_2
    """
    if out is not None and out.suffix.lower() != ".png":
        raise typer.BadParameter(f"`{out}` does not end in .png.", param_hint="'--out'")
    with answers(as_json):
        from builder.runtime import load_run
        from builder.runtime.insight.attribution import explain_prediction as explain

        loaded = load_run(run)
        chosen = _example(loaded, example)
        explanation = explain(loaded, chosen, _methods(methods, layer), target, step)
        if out is not None:
            from cli.view.attribution_plots import plot_explanation

            plot_explanation(explanation, heading(example, explanation), out)
    if as_json:
        render.show_json({"errors": [], "advice": [], "input": example, **explanation_data(explanation)})
        return
    render.show([*explanation_lines(example, explanation), *([(), wrote(out)] if out is not None else [])])


def heading(example: str, of: Explanation) -> str:
    """What was explained, in one line."""
    where = "" if of.step is None else f", step {of.step} of {of.steps}"
    if not of.classes or of.probabilities is None:
        truth = "" if of.truth is None else f"; true is {of.truth:.4g}"
        which = "the output" if len(of.outputs) == 1 else f"output {of.index}"
        return f"{example}{where}: {which} is {of.outputs[of.index]:.4g}{truth}"
    best = of.predicted
    sentence = f"{example}{where}: {_named(of, best)} with probability {of.probabilities[best]:.3f}"
    if of.truth is not None:
        sentence += ", which is right" if of.truth == best else f"; it is {_named(of, int(of.truth))}"
    return sentence if of.index == best else f"{sentence}. Asked: why {_named(of, of.index)}"


def explanation_lines(example: str, of: Explanation) -> list[render.Line]:
    """The prediction, and where each method finds the evidence."""
    shown: list[render.Line] = [*render.wrapped(heading(example, of), "", "title"), ()]
    if of.classes and of.probabilities is not None:
        order = (-of.probabilities).argsort(kind="stable")[:SHOWN]
        rows = [(_named(of, k), f"{of.probabilities[k]:.3f}", f"{of.outputs[k]:.3f}") for k in order]
        shown += [*render.table(("class", "probability", "output"), rows, right="lrr"), ()]
    for found in of.found:
        at = "" if found.layer is None else f" at {found.layer}"
        shown.append((("place", found.method + at), ("dim", f"  {found.shows}")))
        shown += render.wrapped(evidence(found, of), "  ")
        if found.change is not None and found.delta is not None:
            check = f"Sums to {found.change + found.delta:.4g}; f(x) − f(baseline) is {found.change:.4g}."
            shown += render.wrapped(check, "  ")
    return shown


def evidence(found: Attributed, of: Explanation) -> str:
    """Where a method's evidence lies, in words."""
    import numpy as np

    size = np.abs(found.heat)
    total = float(size.sum())
    if total == 0:
        return "It finds nothing: every value is 0."
    if of.kind == "image":
        shares = (f"{name} {share:.0%}" for name, share in zip(QUADRANTS, quadrants(size), strict=True))
        return f"{', '.join(shares)}; half of it on {half_of_it(size)} of {size.size} pixels."
    if found.heat.ndim == 2:
        each, signed = size.sum(axis=1), found.heat.sum(axis=1)
    else:
        each, signed = size, found.heat
    order = (-each).argsort(kind="stable")[:SHOWN]
    places = (
        f"{_place(of, int(i))} {signed[i]:{'+' if found.signed else ''}.3g}" for i in order if each[i] > 0
    )
    unit = {"table": "features", "tokens": "tokens"}.get(of.kind, "steps")
    return f"{', '.join(places)}; half of it on {half_of_it(each)} of {each.size} {unit}."


def quadrants(size: NDArray[Any]) -> tuple[float, ...]:
    """The shares of H×W in the order of ``QUADRANTS``; a middle row or column counts half to each side.

    >>> import numpy as np
    >>> quadrants(np.array([[3.0, 0.0, 1.0]]))
    (0.375, 0.125, 0.375, 0.125)
    """
    import numpy as np

    high, wide = size.shape
    top = np.clip(high / 2 - np.arange(high), 0, 1)
    left = np.clip(wide / 2 - np.arange(wide), 0, 1)
    shares = [float(rows @ size @ columns) for rows in (top, 1 - top) for columns in (left, 1 - left)]
    return tuple(share / sum(shares) for share in shares)


def half_of_it(size: NDArray[Any]) -> int:
    """How many of the largest values make up half of their sum.

    >>> import numpy as np
    >>> half_of_it(np.array([1.0, 5.0, 2.0, 2.0])), half_of_it(np.array([1.0, 1.0, 1.0, 1.0]))
    (1, 2)
    """
    import numpy as np

    sums = np.sort(size, axis=None)[::-1].cumsum(dtype=np.float64)
    return int((sums < sums[-1] / 2 * (1 - 1e-9)).sum()) + 1


def explanation_data(of: Explanation) -> dict[str, Any]:
    """All of it as data: what `--json` writes."""
    known = of.classes and of.probabilities is not None
    return {
        "kind": of.kind,
        "classes": list(of.classes),
        "outputs": of.outputs.tolist(),
        "probabilities": of.probabilities.tolist() if known and of.probabilities is not None else None,
        "predicted": of.predicted if known else None,
        "truth": of.truth,
        "explained": of.index,
        "step": of.step,
        "words": list(of.words),
        "methods": [
            {
                "method": found.method,
                "shows": found.shows,
                "signed": found.signed,
                "layer": found.layer,
                "change": found.change,
                "delta": found.delta,
                "values": found.values.tolist(),
            }
            for found in of.found
        ],
    }


def _methods(names: list[str] | None, layer: str | None) -> dict[str, dict[str, Any]] | None:
    """Each method and its fields. ``--layer`` asks for Grad-CAM, if no method is named."""
    if layer is not None and names is not None and "GradCAM" not in names:
        raise typer.BadParameter("`--layer` is Grad-CAM's: add `--method GradCAM`.")
    chosen = names or (["GradCAM"] if layer is not None else None)
    if chosen is None:
        return None
    return {name: {"layer": layer} if name == "GradCAM" and layer is not None else {} for name in chosen}


def _example(run: Run, text: str) -> Example:
    """`test:17`, a file, or one example of a file: `digits.npz:3`. Raises ``RunError``."""
    from builder.errors import DataError
    from builder.runtime.insight.attribution import example_of_array, example_of_part

    if part := OF_PART.fullmatch(text):
        return example_of_part(run, part[1], int(part[2]))
    path, index = Path(text), 0
    before, _, last = text.rpartition(":")
    if not path.exists() and last.isdecimal():
        path, index = Path(before), int(last)
    if not path.is_file():
        raise DataError(f"there is no file `{path}`", "An example of the run's own data is `test:17`.")
    return example_of_array(run, *read_examples(path, image_channels(run.spec)), index)


def _named(of: Explanation, number: int) -> str:
    """A class as it is printed: blanks and signs alone would not be seen."""
    name = of.classes[number]
    return name if name.isprintable() and any(map(str.isalnum, name)) else repr(name)


def _place(of: Explanation, number: int) -> str:
    if of.kind == "table":
        return f"feature {number}"
    if of.kind == "tokens":
        return (
            f"{of.words[number]!r} at {number + 1}" if of.words else f"token {of.x[number]} at {number + 1}"
        )
    return f"step {number + 1}"
