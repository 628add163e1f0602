"""The command `predict`: what a trained network says of a user's own examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.options import AsJson, RunFolder
from cli.view import render
from cli.view.answers import answers
from cli.view.examples import image_channels, read_examples
from cli.view.written import wrote

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORDER: Final = 70
SHOWN: Final = 20
# examples: the first of them


def predict(
    run: RunFolder,
    examples: Annotated[
        Path,
        typer.Argument(
            metavar="EXAMPLES", exists=True, dir_okay=False, help="An .npy, an .npz with `x`, or a .png."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.npz", dir_okay=False, help="Write the outputs here."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a trained network on examples of your own.

    Examples are as the run's source gives them: N×C×H×W, bytes or reals in [0, 1] for images. What
    `preprocess` does is applied. Sequences are N×T×features, or N×T tokens; where they are padded, the .npz
    holds their `lengths` too. A .png is one image. Where the run knows classes, the likeliest is named.

    \b
        gradspec predict run digits.npz
        gradspec predict run digits.npy --out outputs.npz
    """
    with answers(as_json):
        from builder.runtime import load_run
        from builder.runtime import predict as run_network

        loaded = load_run(run)
        found = run_network(loaded, *read_examples(examples, image_channels(loaded.spec)))
    outputs: dict[str, NDArray[Any]] = found if isinstance(found, dict) else {"output": found}
    if out is not None:
        import numpy as np

        np.savez(out, allow_pickle=False, **outputs)
        render.show([wrote(out)])
        return
    classes = loaded.preprocessing.classes
    if as_json:
        data = {name: array.tolist() for name, array in outputs.items()}
        render.show_json({"errors": [], "advice": [], "classes": list(classes), "outputs": data})
        return
    for name, array in outputs.items():
        render.show(_prediction_lines(name, array, classes))


def _prediction_lines(name: str, array: NDArray[Any], classes: tuple[str, ...]) -> list[render.Line]:
    import numpy as np

    if classes and array.ndim == 2 and array.shape[1] == len(classes):
        odds = np.exp(array - array.max(axis=1, keepdims=True))
        share = odds / odds.sum(axis=1, keepdims=True)
        best = array.argmax(axis=1)
        named = [(str(i), classes[k], f"{share[i, k]:.3f}") for i, k in enumerate(best[:SHOWN])]
        shown = list(render.table((name, "class", "probability"), named, right="rlr"))
    else:
        rows = [
            (str(i), np.array2string(row, precision=4, threshold=8)) for i, row in enumerate(array[:SHOWN])
        ]
        shown = list(render.table((name, "value"), rows, right="r"))
    if len(array) > SHOWN:
        shown.append((("dim", f"… and {len(array) - SHOWN} more; `--out` or `--json` gives all"),))
    return shown
