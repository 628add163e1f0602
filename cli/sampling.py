"""The command `sample`: what a trained network makes of its own."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cli import render
from cli.options import LARGEST_SEED, AsJson, RunFolder, answers, finite


def sample(
    run: RunFolder,
    start: Annotated[
        str | None, typer.Option("--start", metavar="TEXT", help="The text to go on from.")
    ] = None,
    length: Annotated[
        int, typer.Option("--length", min=1, max=1_000_000, help="How many characters to write.")
    ] = 500,
    temperature: Annotated[
        float,
        typer.Option(
            "--temperature",
            min=0,
            callback=finite,
            help="Below 1 keeps to what is likely; 0 is always the likeliest.",
        ),
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Of the draws.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Let a network that was trained on the source `Text` write on, character by character.

    Each character is drawn from softmax(logits/temperature), and the states are carried along: the thousandth
    takes as long as the first. Characters of the start that the training part does not hold are told, and shown
    to the network as unknown.

    \b
        gradspec sample run
        gradspec sample run --start "The old lady" --length 200 --temperature 0.7
    """
    with answers(as_json):
        from builder.runtime import load_run
        from builder.runtime.sampling import listed, unknown_in, write_on

        trained = load_run(run)
        text = write_on(trained, start, length, temperature, seed)
        unknown = unknown_in(trained, start or "")
    if unknown:
        told = f"The vocabulary lacks {listed(unknown)} of the start: shown to the network as unknown."
        render.show([(("advice", told),)], sys.stderr)
    if as_json:
        render.show_json({"errors": [], "advice": [], "start": start, "text": text})
        return
    render.show([(("hint", start or ""), ("", text))])
