"""Writing on: a network of characters says the next one, is shown it, and so on, its states carried along."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from builder.errors import RunError
from builder.recurrent import RecurrentLayer
from builder.runtime.module import Network, unrolled
from builder.runtime.planning import States
from builder.runtime.run import Run

UNKNOWN: Final = 0  # the token of every character that the training part does not hold


def write_on(
    run: Run, start: str | None = None, length: int = 500, temperature: float = 1.0, seed: int = 0
) -> str:
    """``length`` characters that follow ``start``, drawn one by one; ``start`` itself is not returned.

    Each is drawn from softmax(logits/temperature), or is the likeliest at temperature 0; never the unknown
    one. Every step is shown one character and the states that the step before ended with, so the time it
    takes does not grow with what was written. ``start`` absent: a line end if the vocabulary has it, else its
    first character. The same run, torch, start and seed give the same text. Raises ``RunError`` for a run that
    was not trained to say the next character, and for a start that is empty.
    """
    vocabulary = _vocabulary(run)
    if start is None:
        start = "\n" if "\n" in vocabulary else vocabulary[1]
    if not start:
        raise RunError("There is no character to begin with.", "Give a start of at least one.")
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


def _step(network: Network, shown: Tensor, states: dict[str, States]) -> tuple[Tensor, dict[str, States]]:
    """The logits after the last of the tokens ``shown`` (1×T), in float64 on the CPU, and the new states."""
    device = next((p.device for p in network.parameters()), shown.device)
    output, ends = unrolled(network, (shown.to(device),), states=states)
    assert isinstance(output, Tensor), "a run has one output"
    return output[0, -1].double().cpu(), ends


def _draw(logits: Tensor, temperature: float, generator: torch.Generator) -> int:
    logits[UNKNOWN] = -torch.inf
    if temperature == 0:
        return int(logits.argmax())
    return int(torch.multinomial(torch.softmax(logits / temperature, 0), 1, generator=generator))


def _vocabulary(run: Run) -> tuple[str, ...]:
    """The run's characters. Raises ``RunError`` if it cannot write on from one to the next."""
    known, graph = run.preprocessing, run.spec.graph
    hint = "Train on the source `Text`: `data: {source: {Text: {path: novel.txt}}}`."
    if not known.vocabulary or known.classes != known.vocabulary or any(map(_long, known.vocabulary)):
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
