"""What can be attacked: a classifier of real numbers that lie in a declared range. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator

from builder.data.info import Target
from builder.data.transforms.transform import Range
from builder.errors import Cause
from builder.shapes import TensorType


def obstacles(arrives: TensorType, output: TensorType, target: Target, span: Range | None) -> Iterator[Cause]:
    """Why a network with this output cannot be attacked on such data; None for one that can.

    ``arrives`` is an example as it reaches the network, ``span`` the range that its source declares, or None.
    """
    if arrives.vocabulary is not None:
        yield Cause("an attack changes real numbers a little, and the data is tokens")
        return
    if target.classes is None or target.steps is not None:
        yield Cause(f"an attack is on one class for each example, and the data's target is {target}")
        return
    if output.shape != (target.classes,):
        yield Cause(
            f"an attack needs one output for each of {target.classes} classes, and the output is {output}",
            "End the network with a `Linear` of as many, and use `CrossEntropyLoss`.",
        )
    if span is None:
        yield Cause(
            "`eps` is in units of the source's declared range, and this source declares none",
            "Write the source's `range`.",
        )
