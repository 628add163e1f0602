"""MinibatchStdDev: one more channel: how much the examples of a group differ (Karras et al., 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Count
from builder.layers.layer import Layer
from builder.shapes import Inferred, TensorType, expect_fixed, expect_reals

if TYPE_CHECKING:
    from torch import nn


@final
class MinibatchStdDev(Layer):
    """Tells a discriminator how varied its batch is, so that a generator that repeats itself is found out.

    Input N×C×H×W, output N×(C + 1)×H×W; or N×D, output N×(D + 1). A batch is dealt out to ⌈N/group_size⌉
    groups, example i to group i mod that; the new channel is its group's standard deviation, of each value
    over the group's examples, averaged over all values. Where `group_size` does not divide N the groups are
    a little smaller, and their sizes differ by at most one. What an example gives depends on its batch, in
    evaluation too. It is not counted in multiply-adds.
    Source: Karras et al., "Progressive growing of GANs" (2018), section 3; their code: example i in group
    i mod (N/group_size), ε = 1e-8 under the root.
    """

    main = "group_size"
    snake = "minibatch_std_dev"
    accepts = (
        Accepted("", on=((3, 4, 5),)),
        Accepted("2", on=((5,),)),
        Accepted("{group_size: 1}", on=((2, 2, 2),)),
    )
    rejects = (
        Rejected("0", "expected a whole number of at least 1, found 0"),
        Rejected(
            "", "`MinibatchStdDev` needs an input of 3 axes (C, H, W) or 1, and N×4×5 arrives", on=((4, 5),)
        ),
    )

    group_size: Count = 4

    def rule(self, *arrives: TensorType) -> Inferred:
        """N×C×H×W to N×(C + 1)×H×W, N×D to N×(D + 1). Raises ``Cause`` for other ranks."""
        (x,) = arrives
        expect_reals(x, "MinibatchStdDev")
        if len(x.shape) not in (1, 3):
            raise Cause(f"`MinibatchStdDev` needs an input of 3 axes (C, H, W) or 1, and {x} arrives")
        channels, *size = expect_fixed(x, "MinibatchStdDev")
        return Inferred(TensorType((channels + 1, *size)), how=f"{channels} + 1 = {channels + 1}")

    def build(self, sizes: dict[str, int]) -> nn.Module:
        """The groups as rows, for any batch size; it acts in evaluation too."""
        from builder.runtime.network import wiring

        return wiring.MinibatchStdDev(self.group_size)
