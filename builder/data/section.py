"""What data is: a source, what is done to it, and how it is parted; described without torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, final

from pydantic import model_validator

from builder.component import Accepted, Choice, Choices, Component, Rejected
from builder.data.datasets.dataset import Dataset, datasets
from builder.data.info import PARTS, DataInfo
from builder.data.transforms.transform import Addition, Affine, Augmentation, Geometry, Transform, transforms
from builder.errors import Cause, DataError
from builder.fields import Count, Flag, Natural, Positive, Probability
from builder.shapes import BYTES_PER_VALUE, DEFAULT_LIMIT_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TRAIN: Final = 0.7  # the training part's share, where no split is written


@final
class Split(Component):
    """How data is parted: shares of all examples, summing to 1.

    Stratified where the target is a class: every part holds every class in the same share, to within one
    example. The seed is the split's own, so that another ``train.seed`` keeps the same test examples.
    Where a source brings its own test part, ``test`` is left out and that part is the test.
    """

    section_key = "split"
    accepts = (
        Accepted("{train: 0.7, validation: 0.15, test: 0.15}"),
        Accepted("{train: 0.8, test: 0.2}"),
        Accepted("{train: 2/3, validation: 1/3, seed: 7}"),
    )
    rejects = (
        Rejected("{validation: 0.2}", "`split` needs `train`"),
        Rejected("{train: 0.8, test: 0.1}", "the parts sum to 0.9, not to 1"),
        Rejected("{train: 0, test: 1}", "expected a real number above 0, found 0"),
        Rejected("{train: 0.8, valid: 0.2}", "`split` has no field `valid`"),
    )

    train: Positive
    validation: Probability = 0.0
    test: Probability = 0.0
    seed: Natural = 0

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        total = self.train + self.validation + self.test
        if not math.isclose(total, 1, abs_tol=1e-6):
            raise Cause(f"the parts sum to {total:.6g}, not to 1")
        return self

    def sizes(self, examples: int) -> tuple[int, int, int]:
        """How many examples each part gets; parts of share 0 get none.

        >>> Split(train=0.7, validation=0.15, test=0.15).sizes(1797)
        (1258, 269, 270)
        """
        first = round(examples * self.train)
        second = round(examples * (self.train + self.validation)) if self.test else examples
        return first, second - first, examples - second

    def indices(self, y: NDArray[Any], classes: int | None) -> dict[str, NDArray[Any]]:
        """The examples of each part, in the data's order; ``y`` are the labels if there are ``classes``.

        Each class's members are shuffled and laid out evenly over one line, which is then cut in three: any
        cut holds every class in the same share, to within one.
        """
        import numpy as np

        # RandomState's stream is frozen by NumPy's own promise; a Generator's may change between versions.
        draw = np.random.RandomState(self.seed % 2**32)
        count = len(y)
        order = draw.permutation(count)
        if classes is not None:
            labels = y[order]
            grouped = np.argsort(labels, kind="stable")
            sizes = np.bincount(labels, minlength=classes)
            rank = np.empty(count)
            rank[grouped] = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            order = order[np.argsort((rank + 0.5) / sizes[labels], kind="stable")]
        first, second, _ = self.sizes(count)
        parts = np.split(order, [first, first + second])
        return {name: np.sort(part) for name, part in zip(PARTS, parts, strict=True)}

    def in_order(self, examples: int, overlap: int = 0) -> dict[str, range]:
        """The parts of examples that follow each other in time, the training part first.

        Each later part leaves out its first ``overlap`` examples.

        >>> Split(train=0.5, test=0.5).in_order(8, overlap=1)["test"]
        range(5, 8)
        """
        parts: dict[str, range] = {}
        start = 0
        for name, size in zip(PARTS, self.sizes(examples), strict=True):
            parts[name] = range(start + overlap if start else start, start + size)
            start += size
        return parts


@final
class Data(Component):
    """Where examples come from and what happens to them before they reach the network.

    A source gives float images in [0, 1], channels first. Geometry and colour of ``preprocess`` run once;
    ``augment`` runs on every training batch, in [0, 1]; ``Rescale`` and ``Standardize`` come last, wherever
    they stand in the list, on every batch, and are part of the network's input.
    ``split`` absent: 70 % train, 15 % validation, 15 % test, or 85 % and 15 % where the source brings its own
    test part. A series or a text is parted in its order, what is trained on first.
    """

    section_key = "data"
    accepts = (
        Accepted("{source: Digits}"),
        Accepted("{source: Digits, preprocess: [{Resize: [28, 28]}, {Rescale: [-1, 1]}], batch_size: 32}"),
        Accepted("{source: MNIST5k, augment: [{RandomRotation: 10}], split: {train: 0.8, test: 0.2}}"),
    )
    rejects = (
        Rejected("{batch_size: 32}", "`data` needs `source`"),
        Rejected("{source: Digit}", "there is no dataset `Digit`"),
        Rejected(
            "{source: Digits, clean: [DropCorrupt]}", "the field `clean` of `data` is not available yet"
        ),
        Rejected(
            "{source: Digits, preprocess: [{RandomRotation: 10}]}",
            "`RandomRotation` changes training batches at random: it belongs under `augment`",
        ),
        Rejected(
            "{source: Digits, augment: [Grayscale]}",
            "`Grayscale` is no augmentation: it belongs under `preprocess`",
        ),
        Rejected("{source: Digits, preprocess: [Rescale, Rescale]}", "`Rescale` stands here twice"),
    )

    source: Annotated[Dataset, Choice(datasets)]
    preprocess: Annotated[tuple[Transform, ...], Choices(transforms)] = ()
    augment: Annotated[tuple[Transform, ...], Choices(transforms)] = ()
    split: Split | None = None
    batch_size: Count = 64
    shuffle: Flag = True

    @property
    def geometry(self) -> tuple[Geometry, ...]:
        """The steps of ``preprocess`` that run once, when the data is loaded."""
        return tuple(step for step in self.preprocess if isinstance(step, Geometry))

    @property
    def affine(self) -> tuple[Affine, ...]:
        """The steps of ``preprocess`` that are part of the network's input, in their order."""
        return tuple(step for step in self.preprocess if isinstance(step, Affine))

    @property
    def augmentations(self) -> tuple[Augmentation | Addition, ...]:
        """The steps of ``augment``."""
        return tuple(step for step in self.augment if isinstance(step, Augmentation | Addition))

    @model_validator(mode="after")
    def _each_in_its_place(self) -> Self:
        for index, step in enumerate(self.preprocess):
            name = type(step).__name__
            if step.stage == "augment":
                raise Cause(
                    f"`{name}` changes training batches at random: it belongs under `augment`",
                    field=f"preprocess.{index}",
                )
            if step.stage == "affine" and any(type(step) is type(other) for other in self.preprocess[:index]):
                raise Cause(
                    f"`{name}` stands here twice", "Keep one of the two.", field=f"preprocess.{index}"
                )
        for index, step in enumerate(self.augment):
            if step.stage != "augment":
                raise Cause(
                    f"`{type(step).__name__}` is no augmentation: it belongs under `preprocess`",
                    field=f"augment.{index}",
                )
        return self

    def describe(self, folder: Path) -> DataInfo:
        """What arrives at the network, after ``preprocess``; without torch.

        Raises ``Cause``, with the field it is about (``source``, ``preprocess.1``, ``split``).
        """
        try:
            source = self.fitted.describe(folder)
        except Cause as cause:
            inner = f".{type(self.source).__name__}.{cause.field}" if cause.field else ""
            raise Cause(cause.problem, cause.hint, field=f"source{inner}") from None
        shaped = self._through(source, self.geometry, "preprocess", folder)
        total = (source.examples + source.test_examples) * shaped.input.size * BYTES_PER_VALUE
        if total > DEFAULT_LIMIT_BYTES:
            raise Cause(
                f"the data would fill {total / 2**30:.1f} GiB of memory, "
                f"and {DEFAULT_LIMIT_BYTES >> 30} are allowed",
                "Use a smaller `Resize`, or fewer examples.",
                field="preprocess" if self.geometry else "source",
            )
        self._through(shaped, self.augmentations, "augment", folder)
        self._parts(shaped)
        return self._through(shaped, self.affine, "preprocess", folder)

    @property
    def fitted(self) -> Dataset:
        """The source, with what it finds for itself found in the part that is trained on."""
        return self.source.seen(self.split.train if self.split is not None else _TRAIN)

    def splits(self, info: DataInfo) -> Split:
        """The split of this data, with the default that fits a source's own test part."""
        if self.split is not None:
            return self.split
        if info.test_examples:
            return Split(train=0.85, validation=0.15)
        return Split(train=_TRAIN, validation=0.15, test=0.15)

    def _through(self, info: DataInfo, steps: Sequence[Transform], field: str, folder: Path) -> DataInfo:
        listed: tuple[Transform, ...] = self.augment if field == "augment" else self.preprocess
        for step in steps:
            index = next(i for i, other in enumerate(listed) if other is step)
            try:
                info = replace(info, input=step.rule(info.input))
                if isinstance(step, Addition):
                    step.check(info, folder)
                if isinstance(step, Affine):
                    info = replace(info, range=step.range_after(info.range))
            except Cause as cause:
                inner = f".{type(step).__name__}.{cause.field}" if cause.field else ""
                raise Cause(cause.problem, cause.hint, field=f"{field}.{index}{inner}") from None
        return info

    def _parts(self, info: DataInfo) -> None:
        split = self.splits(info)
        if info.test_examples and split.test:
            raise Cause(
                f"the source brings its own test part of {info.test_examples} examples",
                "Leave `test` out of `split`, and let the others sum to 1.",
                field="split",
            )
        sizes = split.sizes(info.examples)
        if info.ordered:
            first, second, third = map(len, split.in_order(info.examples, info.overlap).values())
            sizes = first, second, third
        for name, size in zip(PARTS, sizes, strict=True):
            if getattr(split, name) and not size:
                raise Cause(
                    f"the part `{name}` would be empty: {getattr(split, name):g} of {info.examples} examples",
                    f"The first {info.overlap} of it share values with the part before."
                    if info.overlap
                    else None,
                    field="split" if self.split else "source",
                )
        if info.labels:
            self._check_classes(info.labels, info.target.classes or 0, split)

    def _check_classes(self, labels: tuple[NDArray[Any], ...], classes: int, split: Split) -> None:
        """Raises ``Cause`` for a class that the training part does not hold."""
        import numpy as np

        own, *test = labels
        parts = dict.fromkeys(PARTS, own)  # the training part has some of each class that is not rare
        if np.unique(own, return_counts=True)[1].min() * split.train <= 1:
            parts = {name: own[chosen] for name, chosen in split.indices(own, classes).items()}
        try:
            check_labels({**parts, "test": test[0]} if test else parts, classes)
        except DataError as error:
            raise Cause(error.problem, error.hint, field="split" if self.split else "source") from None


def check_labels(parts: dict[str, NDArray[Any]], classes: int) -> None:
    """Raises ``DataError`` if a class is seen outside the training part only; ``parts`` are their labels."""
    import numpy as np

    known = np.unique(parts["train"])
    for name in PARTS[1:]:
        strange = np.setdiff1d(np.unique(parts[name]), known)
        if len(strange):
            listed = ", ".join(str(label) for label in strange[:5])
            raise DataError(
                f"the part `{name}` holds {'class' if len(strange) == 1 else 'classes'} {listed}, "
                f"of which the training part has no example ({len(known)} of {classes} classes are there)",
                "Give the training part a larger share, or remove the class.",
            )
