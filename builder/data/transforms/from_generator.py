"""FromGenerator: examples that a trained generator makes, beside those of each training batch."""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from builder.component import Accepted, Rejected
from builder.data.info import DataInfo
from builder.data.made import generator_of
from builder.data.transforms.transform import Adding, Addition
from builder.errors import Cause, SpecErrors
from builder.fields import Positive, Text
from builder.files.data import find_file, within
from builder.files.run_folder import ENVIRONMENT, SPEC, WEIGHTS, spec_of_run

if TYPE_CHECKING:
    from torch import Generator, Tensor

_reading: Final = ContextVar("reading the spec of a run", default=False)
_HINT: Final = "Train one with `adversarial: {conditional: embed, …}` and `gradspec train`."


@final
class FromGenerator(Addition):
    """Adds examples that a conditional GAN makes to every training batch: `share` of the batch's size, rounded.

    `run` is the folder of a run of `gradspec train`, inside the folder of the spec. The classes are drawn
    evenly, the examples anew for each batch; they come as the GAN's source gives them, so steps after this
    one change them too. A GAN that has seen examples of this data's test part would tell of them: train it
    with the same `split`.
    Source: Antoniou, Storkey & Edwards, "Data Augmentation Generative Adversarial Networks" (2017).
    """

    main = "run"
    accepts = (Accepted("runs/gan"), Accepted("{run: gan, share: 0.25}"))
    rejects = (
        Rejected("", "`FromGenerator` needs `run`"),
        Rejected("{run: gan, share: 0}", "expected a real number above 0, found 0"),
    )

    run: Text
    share: Positive = 0.5

    def check(self, info: DataInfo, folder: Path) -> None:
        """Raises ``Cause`` unless the run's generator makes examples of the data's shape, range and classes."""
        if info.target.classes is None or info.target.steps is not None:
            raise Cause(f"made examples come with a class, and the target is {info.target}")
        made = self._made(folder)
        if made.input != info.input:
            raise Cause(
                f"the generator of `{self.run}` makes {made.input}, and examples are {info.input}",
                "`Resize` and the like must leave the same shape in both specs.",
                field="run",
            )
        if (classes := made.target.classes) != info.target.classes:
            raise Cause(
                f"the generator of `{self.run}` knows {classes} classes, and the data has {info.target.classes}",
                field="run",
            )
        if made.range != info.range:
            raise Cause(
                f"the generator of `{self.run}` makes values in {_shown(made.range)}, and the data's are in "
                f"{_shown(info.range)}",
                field="run",
            )

    def open(self, folder: Path) -> Adding:
        """Loads the run's generator. What adds draws classes evenly, and a new seed for every batch."""
        import torch

        from builder.runtime import load_run, sample

        run = load_run(within(folder, self.run, "run"))
        classes = self._made(folder).target.classes
        assert classes is not None, "`check` refuses data without classes"

        def add(x: Tensor, y: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
            count = round(self.share * len(x))
            if not count:
                return x, y
            labels = torch.randint(classes, (count,), generator=generator)
            seed = int(torch.randint(2**62, (), generator=generator))
            made = sample(run, count, seed=seed, labels=labels)
            return torch.cat([x, made.to(x)]), torch.cat([y, labels.to(y)])

        return add

    def _made(self, folder: Path) -> DataInfo:
        """What the run's generator makes.

        Raises ``Cause`` for a folder that is no finished run of a conditional GAN.
        """
        try:
            place = within(folder, self.run, "run")
            for name in (SPEC, ENVIRONMENT):
                find_file(place, name)
            spec_of_run(place)
        except Cause as cause:
            problem = f"`{self.run}` is no folder that `gradspec train` wrote"
            raise Cause(problem, f"{cause.problem[:1].upper()}{cause.problem[1:]}.", field="run") from None
        if not (place / WEIGHTS).is_file():
            raise Cause(f"the run `{self.run}` is not finished", "Go on with `--resume`.", field="run")
        if _reading.get():  # a run that names itself would be read for ever
            raise Cause(
                f"`{self.run}` is named by a run that was itself trained on made examples", field="run"
            )
        within_this = _reading.set(True)
        try:
            made = generator_of(place)
        except SpecErrors as errors:
            first = errors.errors[0].problem
            raise Cause(f"the spec of the run `{self.run}` cannot be read: {first}", field="run") from None
        finally:
            _reading.reset(within_this)
        if made is None:
            raise Cause(f"the run `{self.run}` trained no GAN", _HINT, field="run")
        if made.target.classes is None:
            told = "is of a GAN that is not told the class, and examples are added with their class"
            raise Cause(f"the run `{self.run}` {told}", _HINT, field="run")
        return made


def _shown(span: Any) -> str:
    return "no declared range" if span is None else f"[{span[0]:g}, {span[1]:g}]"
