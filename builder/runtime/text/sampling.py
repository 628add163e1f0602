"""Writing on: a network of characters says the next one, is shown it, and so on, its states carried along."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor

from builder.errors import RunError
from builder.layers.shared.recurrent import RecurrentLayer
from builder.runtime.network.module import Network, unrolled
from builder.runtime.network.run_plan import States
from builder.runtime.runs.run import Run

UNKNOWN: Final = 0  # the token of every character that the training part does not hold
MOST_LISTED: Final = 20


def write_on(
    run: Run, start: str | None = None, length: int = 500, temperature: float = 1.0, seed: int = 0
) -> str:
    """``length`` characters that follow ``start``, drawn one by one; ``start`` itself is not returned.

    Each is drawn from softmax(logits/temperature), or is the likeliest at temperature 0; never the unknown
    one. Every step is shown one character and the states that the step before ended with, so the time it
    takes does not grow with what was written. ``start`` absent: a line end if the vocabulary has it, else its
    first character. The same run, torch, start and seed give the same text. Raises ``RunError`` for a run that
    was not trained to say the next character or says NaN, for a temperature that is negative or not finite, and
    for a start that is empty or of unknown characters alone.
    """
    vocabulary = _vocabulary(run)
    if not 0 <= temperature < math.inf:
        raise RunError(f"The temperature is a finite number of at least 0, not {temperature}.")
    if start is None:
        start = "\n" if "\n" in vocabulary else vocabulary[1]
    if not start:
        raise RunError("There is no character to begin with.", "Give a start of at least one.")
    lacking = _unknown(start, vocabulary)
    if len(lacking) == len(set(start)):
        raise RunError(
            f"The run knows no character of the start: its vocabulary lacks {listed(lacking)}.",
            f"It has {listed(vocabulary[1:])}.",
        )
    numbers = {character: token for token, character in enumerate(vocabulary)}
    generator = torch.Generator().manual_seed(seed)
    written: list[str] = []
    training = run.module.training
    run.module.eval()
    try:
        with torch.inference_mode():
            shown = torch.tensor([[numbers.get(character, UNKNOWN) for character in start]])
            states: dict[str, States] = {}
            for _ in range(length):
                logits, states = _step(run.module, shown, states)
                token = _draw(logits, temperature, generator)
                written.append(vocabulary[token])
                shown = torch.tensor([[token]])
    finally:
        run.module.train(training)
    return "".join(written)


def unknown_in(run: Run, start: str) -> tuple[str, ...]:
    """The characters of ``start`` that the run's vocabulary lacks: it is shown the unknown one for them.

    Raises ``RunError`` as ``write_on`` does.
    """
    return _unknown(start, _vocabulary(run))


def listed(characters: Iterable[str]) -> str:
    r"""Characters as a message shows them, at most the first twenty.

    >>> listed("a\n")
    "'a' '\\n'"
    """
    shown = [repr(character) for character in characters]
    return " ".join(shown[:MOST_LISTED]) + (" …" if len(shown) > MOST_LISTED else "")


def _unknown(start: str, vocabulary: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(character for character in start if character not in vocabulary[1:]))


def _step(network: Network, shown: Tensor, states: dict[str, States]) -> tuple[Tensor, dict[str, States]]:
    """The logits after the last of the tokens ``shown`` (1×T), in float64 on the CPU, and the new states."""
    device = next((p.device for p in network.parameters()), shown.device)
    output, ends = unrolled(network, (shown.to(device),), states=states)
    assert isinstance(output, Tensor), "a run has one output"
    return output[0, -1].double().cpu(), ends


def _draw(logits: Tensor, temperature: float, generator: torch.Generator) -> int:
    if not logits[1:].max().isfinite():  # NaN if any is
        raise RunError("What the network says is no number: NaN, or infinite.", "Its training went astray.")
    logits[UNKNOWN] = -torch.inf
    if temperature == 0:
        return int(logits.argmax())
    below = logits - logits.max()  # so that the likeliest stays at 0, however small the temperature
    return int(torch.multinomial(torch.softmax(below / temperature, 0), 1, generator=generator))


def _vocabulary(run: Run) -> tuple[str, ...]:
    """The run's characters. Raises ``RunError`` if it cannot write on from one to the next."""
    known, graph = run.preprocessing, run.spec.graph
    hint = "Train on the source `Text`: `data: {source: {Text: {path: novel.txt}}}`."
    if len(known.vocabulary) < 2 or known.classes != known.vocabulary or any(map(_long, known.vocabulary)):
        raise RunError(f"The run `{run.folder}` was not trained to say the next character.", hint)
    (arrives,) = graph.inputs.values()
    if not arrives.free:
        raise RunError(f"The network takes {arrives}, and is to be shown one character at a time.")
    for use in graph.layers:
        recurrent = isinstance(use.layer, RecurrentLayer)
        if use.layer.masks and (not recurrent or getattr(use.layer, "bidirectional", False)):
            raise RunError(f"`{use.name}` sees what comes later, and nothing is written there yet.")
    return known.vocabulary


def _long(token: str) -> bool:
    return len(token) != 1
