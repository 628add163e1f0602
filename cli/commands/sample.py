"""The command `sample`: what a trained network makes of its own, text or examples."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.options import LARGEST_SEED, AsJson, RunFolder, finite
from cli.view import render
from cli.view.answers import answers
from cli.view.written import wrote

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from builder.runtime import Run

ORDER: Final = 100
LENGTH: Final = 500
COUNT: Final = 64
WAYS: Final = 8
PICTURE: Final = Path("samples.png")
ENDINGS: Final = (".png", ".npz")


def _file(out: Path | None) -> Path | None:
    if out is not None and out.suffix.lower() not in ENDINGS:
        raise typer.BadParameter(f"`{out}` ends neither in .png nor in .npz.")
    if out is not None and not out.parent.is_dir():
        raise typer.BadParameter(f"there is no folder `{out.parent}`.")
    return out


def sample(
    run: RunFolder,
    start: Annotated[
        str | None, typer.Option("--start", metavar="TEXT", help="Text: what to go on from.")
    ] = None,
    length: Annotated[
        int | None, typer.Option("--length", min=1, max=1_000_000, help="Text: how many characters [500].")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature",
            min=0,
            callback=lambda value: value if value is None else finite(value),
            help="Text: below 1 keeps to what is likely; 0 is always the likeliest [1].",
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("--count", min=1, max=100_000, help="GAN: how many samples [64], or ways [8]."),
    ] = None,
    label: Annotated[
        int | None, typer.Option("--label", min=0, help="GAN: the class of all of them.")
    ] = None,
    interpolate: Annotated[
        int | None,
        typer.Option(
            "--interpolate", metavar="STEPS", min=2, max=1000, help="GAN: ways from one sample to another."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            dir_okay=False,
            callback=_file,
            help="GAN: a .png, or an .npz with all values [samples.png].",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Of the draws.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Let a trained network write on, or draw samples from a GAN.

    A network that was trained on the source `Text` goes on character by character, each drawn from
    softmax(logits/temperature), its states carried along. Characters of the start that the training part does
    not hold are told, and shown to the network as unknown.

    Of a GAN, a picture is written: a grid of images, or points of the plane with those of the data behind them.
    With `--interpolate` each row goes from one point of noise to another. An .npz holds the samples as `x`, in
    the units of the data's source, and the classes of a conditional GAN as `y`.

    \b
        gradspec sample run --start "The old lady" --length 200 --temperature 0.7
        gradspec sample gan --count 100 --label 3 --out threes.png
        gradspec sample gan --interpolate 10
    """
    with answers(as_json):
        from builder.runtime import load_run

        trained = load_run(run)
        of_text: dict[str, object] = {"start": start, "length": length, "temperature": temperature}
        of_gan: dict[str, object] = {"count": count, "label": label, "interpolate": interpolate, "out": out}
        if trained.spec.adversarial is None:
            _refuse(of_gan, f"is for the run of a GAN, and `{run}` is none")
            data, shown = _text(trained, start, length, temperature, seed)
        else:
            _refuse(of_text, f"is for text, and `{run}` is the run of a GAN")
            data, shown = _samples(trained, count, label, interpolate, out or PICTURE, seed)
    if as_json:
        render.show_json({"errors": [], "advice": [], **data})
    else:
        render.show(shown)


def _refuse(options: dict[str, object], reason: str) -> None:
    """Raises wrong usage for the first option that was given and means nothing here."""
    for name, value in options.items():
        if value is not None:
            raise typer.BadParameter(f"`--{name}` {reason}.")


def _text(
    run: Run, start: str | None, length: int | None, temperature: float | None, seed: int
) -> tuple[dict[str, Any], list[render.Line]]:
    from builder.runtime.text.sampling import listed, unknown_in, write_on

    warmth = 1.0 if temperature is None else temperature
    text = write_on(run, start, length or LENGTH, warmth, seed)
    if unknown := unknown_in(run, start or ""):
        note = f"The vocabulary lacks {listed(unknown)} of the start: shown to the network as unknown."
        render.show([(("advice", note),)], sys.stderr)
    return {"start": start, "text": text}, [(("hint", start or ""), ("", text))]


def _samples(
    run: Run, count: int | None, label: int | None, steps: int | None, out: Path, seed: int
) -> tuple[dict[str, Any], list[render.Line]]:
    from builder.errors import RunError
    from builder.files.pictures import write_samples
    from builder.runtime.games.interpolation import interpolate
    from builder.runtime.games.samples import classes_of, sample

    classes = classes_of(run.module)
    if label is not None and classes is None:
        raise typer.BadParameter(f"`--label` is for a conditional GAN, and `{run.folder}` was told no class.")
    if label is not None and classes is not None and label >= classes:
        raise typer.BadParameter(
            f"`--label` is from 0 to {classes - 1}, the classes of `{run.folder}`, not {label}."
        )
    each = steps or 1
    count = count or (COUNT if steps is None else WAYS)
    if steps is None:
        made = sample(run, count, seed, label).numpy()
    else:
        made = interpolate(run, count, steps, seed, label).numpy()
    if out.suffix.lower() == ".npz":
        _write_arrays(out, made, None if classes is None else _classes(count, each, classes, label))
    elif not write_samples(out, made, _behind(run, made), run.bounds, steps):
        raise RunError(
            f"Samples of {list(made.shape[1:])} are no picture.", "Write them to an .npz: `--out`."
        )
    data = {"written": str(out), "samples": len(made), "shape": list(made.shape[1:])}
    return data, [wrote(out)]


def _classes(count: int, each: int, classes: int, label: int | None) -> NDArray[Any]:
    """The class of every sample: the one asked for, or all in turn, way by way."""
    import numpy as np

    own = np.arange(count) % classes if label is None else np.full(count, label)
    return own.repeat(each).astype(np.int64)


def _write_arrays(out: Path, x: NDArray[Any], y: NDArray[Any] | None) -> None:
    import numpy as np

    arrays = {"x": x} if y is None else {"x": x, "y": y}
    np.savez(out, allow_pickle=False, **arrays)


def _behind(run: Run, made: NDArray[Any]) -> NDArray[Any] | None:
    """Examples to draw behind points and series; images need none."""
    from builder.runtime.data.splits import load_arrays

    if made.ndim == 4 or run.spec.data is None:
        return None
    return load_arrays(run.spec.data, run.spec.folder, "train").x
