"""What an assignment gives for a student's own backpropagation."""

from __future__ import annotations

from typing import ClassVar, final

from builder.component import Accepted, Component, Rejected
from builder.fields import Text


@final
class Given(Component):
    """What a student works out gradients for: files of the assignment's folder, which are released.

    `input` and `target` are `.npz` files with an array for each input (N×…) and the array `target`;
    `weights` is a safetensors file with every parameter of the reference.
    """

    section_key: ClassVar[str | None] = "given"
    accepts = (Accepted("{input: x.npz, weights: w.safetensors, target: y.npz}"),)
    rejects = (
        Rejected("{input: x.npz, weights: w.safetensors}", "`given` needs `target`"),
        Rejected("x.npz", '`given` takes its fields by name, found the text "x.npz"'),
    )

    input: Text
    weights: Text
    target: Text
