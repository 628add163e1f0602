"""Inside a worker: a submission's GAN, trained here or as it was handed in, and samples of its generator."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from builder.data.section import Data
from builder.errors import Report, TrainingError
from builder.language.source import read_text
from builder.reader import Reader
from grader.exchange import Array, Task
from grader.outcome import Refusal
from grader.running.trained_here import splits_of
from grader.submission.submission import Submission

if TYPE_CHECKING:
    from builder.runtime.data.preprocessing import Preprocessing
    from builder.runtime.network.module import Network


def trained_samples(task: Task, submission: Submission) -> Array:
    """Samples, N×… in the source's units, after the players have played here from their first weights.

    Raises ``Refusal`` for a game that cannot go on.
    """
    import torch

    from builder.games.training import Game
    from builder.runtime.games.game_loop import GameLoop
    from builder.runtime.network.module import build_networks

    parameters = task.parameters
    seed, epochs = int(parameters["seed"]), int(parameters["epochs"])
    splits = replace(splits_of(task, seed), bounds=_bounds(task))
    game = Game(epochs=epochs, seed=seed, device="cpu")
    spec = replace(submission.spec, data=_data(parameters["data"]), game=game)
    try:
        loop = GameLoop(spec, build_networks(spec, seed), splits, torch.device("cpu"))
        for _ in range(epochs):
            loop.run_epoch(None)
    except TrainingError as error:
        raise Refusal("two players that can be trained", error.problem, error.hint) from None
    return _samples(loop.generator, task, submission, splits.preprocessing)


def submitted_samples(task: Task, submission: Submission) -> Array:
    """Samples, N×… in the source's units, of the generator with the weights that were handed in."""
    import torch

    from builder.runtime.network.module import Network, build_networks

    networks = build_networks(submission.spec, 0)
    networks.load_state_dict({name: torch.from_numpy(a) for name, a in submission.weights.items()})
    adversarial = submission.spec.adversarial
    assert adversarial is not None, "`prepare` refuses a spec without players"
    generator = networks[adversarial.generator]
    assert isinstance(generator, Network)
    return _samples(generator, task, submission, splits_of(task, 0).preprocessing)


def _samples(generator: Network, task: Task, submission: Submission, preprocessing: Preprocessing) -> Array:
    import torch

    from builder.runtime.games.samples import answers, drawn, in_source_units, in_turn

    adversarial = submission.spec.adversarial
    assert adversarial is not None, "`prepare` refuses a spec without players"
    number = int(task.parameters["samples"])
    noise = drawn(adversarial.noise, number, torch.Generator().manual_seed(int(task.parameters["seed"])))
    label = in_turn(generator, number)
    made = answers(generator, noise, *(() if label is None else (label,)))
    samples: Array = in_source_units(made, preprocessing, _bounds(task)).float().contiguous().numpy()
    return samples


def _bounds(task: Task) -> tuple[float, float] | None:
    bounds = task.parameters["bounds"]
    return None if bounds is None else (float(bounds[0]), float(bounds[1]))


def _data(plain: dict[str, Any]) -> Data:
    report = Report()
    root = read_text(json.dumps(plain), "<data>").root
    data = Reader(report, {}).component(Data, root, root.place)
    report.raise_errors()
    assert data is not None
    return data
