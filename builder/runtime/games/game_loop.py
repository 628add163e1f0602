"""The game: a discriminator's steps, then a generator's, batch after batch.

It knows the base of an objective, never which one the spec names. A step of the discriminator takes a new batch of
real examples and as many made ones, which go through it one after the other, so that BatchNorm never mixes them
(Radford et al., "Unsupervised Representation Learning with Deep Convolutional GANs", 2016). Made examples carry the
labels of the real ones beside them: classes are asked for as often as the data has them. The generator then steps on
the last made examples, against the discriminator as it has become, whose weights get no gradient there.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from builder.errors import TrainingError
from builder.games.penalties.penalty import Score
from builder.games.section import Adversarial
from builder.games.training import Game
from builder.runtime.data.splits import Batch, Part, Splits, mixed
from builder.runtime.games.sample_quality import Judge
from builder.runtime.games.samples import classes_of, drawn
from builder.runtime.network.memory_format import channels_last
from builder.runtime.network.module import Network
from builder.runtime.runs.run import Figures
from builder.runtime.training.events import EpochStarted, RoundsDone, Watch
from builder.runtime.training.outputs import numbers
from builder.runtime.training.rounds import Played, Player
from builder.spec.spec import ModelSpec

PLAYED: Final = 2  # the stream of chance that noise is drawn from, beside those of the data and of measures
PLAYERS: Final[tuple[Player, Player]] = ("generator", "discriminator")


class GameLoop:
    """Two players on their way: everything that changes while they play, and can be saved and restored.

    All noise is drawn on the CPU from a stream that follows from the seed and the epoch: order and draws are
    the same on every device, and a resumed run needs no more. Nothing is read from the device but once an
    epoch.
    """

    def __init__(
        self, spec: ModelSpec, networks: nn.ModuleDict, splits: Splits, device: torch.device
    ) -> None:
        assert spec.adversarial is not None and spec.game is not None
        self.networks: Final = networks
        self.splits: Final = splits
        self.game: Final[Game] = spec.game
        self.rules: Final[Adversarial] = spec.adversarial
        self.history: list[Figures] = []
        self.judge: Final = Judge(spec, splits.train, splits.preprocessing, splits.bounds)
        self._device = device
        self._generator = _network(networks, self.rules.generator)
        self._discriminator = _network(networks, self.rules.discriminator)
        self._conditional = classes_of(self._generator) is not None
        # cuDNN's recurrent layers have no second derivative; torch's own have.
        self._recurrent = any(isinstance(module, nn.RNNBase) for module in self._discriminator.modules())
        self._average: Network | None = None
        if self.rules.ema is not None:
            self._average = copy.deepcopy(self._generator).requires_grad_(False)
        self._weights = {
            "generator": _trained(self._generator),
            "discriminator": _trained(self._discriminator),
        }
        for player in PLAYERS:
            if not self._weights[player]:
                raise TrainingError(
                    f"The {player} has nothing to train.", "Every parameter is frozen, or there is none."
                )
        self.optimizers: Final = {
            player: getattr(self.rules.optimizer, player).build(self._weights[player]) for player in PLAYERS
        }

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.history)

    @property
    def steps(self) -> dict[str, int]:
        """How many steps each player has taken."""
        taken = self.epoch * self.splits.steps_per_epoch
        return {"generator": taken // self.rules.discriminator_steps, "discriminator": taken}

    @property
    def generator(self) -> Network:
        """The generator that is sampled from and saved: the average, if there is one.

        An average is of weights; running means and variances are the generator's own.
        """
        if self._average is None:
            return self._generator
        for kept, now in zip(self._average.buffers(), self._generator.buffers(), strict=True):
            kept.copy_(now)
        return self._average

    @property
    def discriminator(self) -> Network:
        """The one network that the game judges by, as trained: it has no average."""
        return self._discriminator

    @property
    def saved(self) -> nn.ModuleDict:
        """The networks as they are saved: in the spec's order, the generator as it is sampled from."""
        return nn.ModuleDict(
            {
                name: self.generator if name == self.rules.generator else network
                for name, network in self.networks.items()
            }
        )

    @property
    def held_out(self) -> Part:
        """Examples that are not trained on: the validation part, or else the test part, if there is one."""
        return self.splits.validation or self.splits.test or self.splits.train

    def run_epoch(self, watch: Watch | None) -> Figures:
        """Plays one epoch and measures it; returns its figures and adds them to ``history``.

        Raises ``TrainingError`` if a loss or a weight is not finite.
        """
        started, epoch = time.perf_counter(), self.epoch + 1
        if watch is not None:
            watch(EpochStarted(epoch, self.game.epochs, self.splits.steps_per_epoch))
        played = self._play(epoch, watch)
        self._check(played, epoch)
        figures: Figures = {"epoch": epoch, **played.figures()}
        figures |= dict.fromkeys(self.judge.figures)
        if epoch % self.game.measure_every == 0 or epoch == self.game.epochs:
            figures |= numbers(self.judge.of(self.generator, self._discriminator, self.held_out))
        figures["seconds"] = round(time.perf_counter() - started, 3)
        self.history.append(figures)
        return figures

    def state(self) -> dict[str, Any]:
        """All that the next epoch depends on, beside the spec."""
        return {
            "networks": dict(self.networks.state_dict()),
            "average": None if self._average is None else dict(self.generator.state_dict()),
            "optimizers": {player: optimizer.state_dict() for player, optimizer in self.optimizers.items()},
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None,
            "history": self.history,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to where ``state()`` was asked. Raises what torch raises if it does not fit."""
        self.networks.load_state_dict(state["networks"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        for player, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][player])
        self.history = list(state["history"])
        torch.set_rng_state(state["random"])
        if self._device.type == "cuda" and state["random_cuda"] is not None:
            torch.cuda.set_rng_state(state["random_cuda"], self._device)

    def _play(self, epoch: int, watch: Watch | None) -> Played:
        """One pass of the discriminator over the training batches.

        The generator steps after every ``discriminator_steps`` of them, counted over all epochs.
        """
        played, batches = Played(), self.splits.steps_per_epoch
        chance = torch.Generator().manual_seed(mixed(mixed(self.game.seed, PLAYED), epoch))
        self.networks.train()
        for index, batch in enumerate(self.splits.batches(epoch - 1), 1):
            step = (epoch - 1) * batches + index  # from 1
            turns = step % self.rules.discriminator_steps == 0
            classes = (batch.y,) if self._conditional else ()
            noise = drawn(self.rules.noise, len(batch.x), chance).to(self._device)
            with torch.set_grad_enabled(turns):
                made = self._asked(self._generator, noise, *classes)
            std = self._blur(epoch - 1 + (index - 1) / batches)
            self._discriminate(batch, made.detach(), classes, std, chance, step - 1, played)
            if turns:
                self._generate(made, classes, std, chance, played)
                played.generator_at.append(index)
            if watch is not None:
                watch(RoundsDone(epoch, index, batches, played))
        return played

    def _discriminate(
        self,
        batch: Batch,
        made: Tensor,
        classes: Sequence[Tensor],
        std: float,
        chance: torch.Generator,
        step: int,
        played: Played,
    ) -> None:
        """One step of the discriminator; ``step`` counts them from 0."""
        real, made = self._blurred(batch.x, std, chance), self._blurred(made, std, chance)
        real_logits = self._asked(self._discriminator, real, *classes)
        fake_logits = self._asked(self._discriminator, made, *classes)
        loss = self.rules.objective.discriminator_loss(real_logits, fake_logits)
        played.discriminator_losses.append(loss.detach())
        played.real_logits.append(real_logits.detach())
        played.fake_logits.append(fake_logits.detach())
        if self.rules.penalty is not None:
            term = self.rules.penalty.term(self._score(classes), real, made, chance, step)
            loss = loss if term is None else loss + term
        self._step("discriminator", loss)
        if self.rules.penalty is not None:
            self.rules.penalty.after_step(self._discriminator)

    def _generate(
        self, made: Tensor, classes: Sequence[Tensor], std: float, chance: torch.Generator, played: Played
    ) -> None:
        """One step of the generator, which follows its average."""
        logits = self._asked(self._discriminator, self._blurred(made, std, chance), *classes)
        loss = self.rules.objective.generator_loss(logits)
        played.generator_losses.append(loss.detach())
        self._step("generator", loss)
        if self._average is not None and self.rules.ema is not None:
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(self._average.parameters()), list(self._generator.parameters()), 1 - self.rules.ema
                )

    def _step(self, player: Player, loss: Tensor) -> None:
        """Gradients of this player's weights alone, and one step of its optimiser."""
        weights, optimizer = self._weights[player], self.optimizers[player]
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss, inputs=weights)
        if self.game.clip_grad_norm is not None:
            nn.utils.clip_grad_norm_(weights, self.game.clip_grad_norm)
        optimizer.step()

    def _asked(self, network: Network, x: Tensor, *classes: Tensor) -> Tensor:
        logits = network(channels_last(x), *classes)
        assert isinstance(logits, Tensor), "a player has one output"
        return logits

    def _score(self, classes: Sequence[Tensor]) -> Score:
        """The discriminator with the labels held fast, differentiable twice."""

        def score(x: Tensor) -> Tensor:
            if not self._recurrent:
                return self._asked(self._discriminator, x, *classes)
            with torch.backends.cudnn.flags(enabled=False):
                return self._asked(self._discriminator, x, *classes)

        return score

    def _blur(self, epochs: float) -> float:
        """The standard deviation of instance noise after so many epochs."""
        rule = self.rules.instance_noise
        return 0.0 if rule is None else rule.std * max(0.0, 1 - epochs / rule.epochs)

    def _blurred(self, x: Tensor, std: float, chance: torch.Generator) -> Tensor:
        return x + std * torch.randn(x.shape, generator=chance).to(x) if std else x

    def _check(self, played: Played, epoch: int) -> None:
        """Raises ``TrainingError`` for the first loss, or a weight, that is no number."""
        spoilt = played.spoilt()
        if spoilt is not None:
            problem = f"The {spoilt.player}'s loss is not finite ({spoilt.loss}) at step {spoilt.batch}"
            raise self._astray(problem, epoch)
        for player in PLAYERS:
            whole = torch.stack([weight.detach().isfinite().all() for weight in self._weights[player]])
            if not whole.all():
                problem = f"The {player}'s weights are not finite after step {self.splits.steps_per_epoch}"
                raise self._astray(problem, epoch)

    def _astray(self, problem: str, epoch: int) -> TrainingError:
        kept = f"The weights of epoch {epoch - 1} are kept." if epoch > 1 else "No epoch ended well."
        # A player's last step may have been the other's end: both rates are told.
        rates = [
            f"{optimizer.param_groups[0]['lr']:g} of the {name}"
            for name, optimizer in self.optimizers.items()
        ]
        hints = [f"a lower `lr` (now {' and '.join(rates)})"]
        if self.rules.penalty is None:
            hints.append("`penalty: R1` or `penalty: GradientPenalty`")
        hints.append("`norm: spectral` on the discriminator's layers")
        if getattr(self.rules.objective, "label_smoothing", None) == 0:
            hints.append("`label_smoothing: 0.1` of the objective")
        if self.game.clip_grad_norm is None:
            hints.append("`clip_grad_norm: 1.0`")
        return TrainingError(
            f"{problem} of epoch {epoch}. {kept}", f"Try {', '.join(hints[:-1])} or {hints[-1]}."
        )


def _network(networks: nn.ModuleDict, name: str) -> Network:
    network = networks[name]
    assert isinstance(network, Network)
    return network


def _trained(network: Network) -> list[nn.Parameter]:
    """What is not frozen."""
    return [weight for weight in network.parameters() if weight.requires_grad]
