"""Square: a random search for the worst point of the ball, which asks for logits alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, final

from builder.component import Accepted, Rejected
from builder.fields import Count, NonNegative, Probability
from builder.robustness.attacks.aim import Aim, Logits, Neighbourhood
from builder.robustness.attacks.attack import Attack

if TYPE_CHECKING:
    from torch import Generator, Tensor


HALVED_AFTER: Final = (10, 50, 200, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries
TILES: Final = 5  # along each axis, of the first change in L2
LEAST_SIDE: Final = 3  # of a window in L2: a smaller one has no shape


@final
class Square(Attack):
    """Random search with square windows: it follows no gradient, and nothing that hides one hides a network.

    Linf: from stripes of ±eps, one square window at a time is set to ±eps, one sign for each channel. L2: from
    bumps of random sign, the length that two windows hold is moved into the first. A change is kept where the
    margin, the largest other logit minus that of y (towards a target the other way round), is no smaller: an equal
    one too, so that a plateau is crossed. A window covers the share ``p_init`` of the image at first, and is halved
    at 0.1, 0.5, 2, 10, 20, 40, 60 and 80 % of the ``queries``. A sequence or a plain vector has a line for a square.
    An example is left as soon as it gives way; ``restarts`` begins again for those that do not. ``eps`` is in units
    of data scaled to [0, 1].
    Andriushchenko et al., "Square Attack: a query-efficient black-box adversarial attack via random search" (2020).
    """

    accepts = (
        Accepted("8/255"),
        Accepted("{eps: 0.3, queries: 5000, p_init: 0.3, restarts: 2}"),
        Accepted("{eps: 2, norm: L2, targeted: true}"),
    )
    rejects = (
        Rejected("{queries: 10}", "`Square` needs `eps`"),
        Rejected("{eps: 0.1, queries: 0}", "expected a whole number of at least 1, found 0"),
        Rejected("{eps: 0.1, p_init: 2}", "expected a real number from 0 to 1, found 2"),
        Rejected("{eps: 8}", "`eps` is 8, and the data's whole range is 1"),
        Rejected("{eps: 0.1, steps: 10}", "`Square` has no field `steps`"),
    )

    eps: NonNegative
    queries: Count = 1000
    p_init: Probability = 0.8
    restarts: Count = 1

    def search(self, logits: Logits, ball: Neighbourhood, aim: Aim, generator: Generator) -> Tensor:
        """Queries of the logits alone, without gradients, from each of ``restarts`` starts."""
        import torch

        from builder.runtime.attacks.perturbation import retried

        def once(start: Tensor, ball: Neighbourhood, aim: Aim) -> Tensor:
            return self._searched(logits, ball, aim, generator)

        with torch.no_grad():
            return retried(logits, ball.centre.clone(), ball, aim, once, self.restarts, generator)

    def _searched(self, logits: Logits, ball: Neighbourhood, aim: Aim, generator: Generator) -> Tensor:
        """Where ``queries`` queries lead."""
        import torch

        from builder.runtime.attacks.perturbation import lead, over, reached

        begin, change = (_bumps, _moved) if self.norm == "L2" else (_stripes, _set)
        at = begin(ball, generator)
        found, left = at.clone(), torch.arange(len(at), device=at.device)
        z = logits(at)
        best, there = lead(z, aim).nan_to_num(nan=-torch.inf), reached(z, aim)
        for query in range(1, self.queries + 1):
            if there.any():
                found[left] = at
                on = ~there
                left, at, best, ball, aim = left[on], at[on], best[on], ball.of(on), aim.of(on)
            if query == self.queries or not len(left):
                break
            # Chance is drawn for all: which examples are left changes no other's.
            chance = _Chance(generator, len(found), left)
            tried = change(ball, at, self.share(query), chance)
            z = logits(tried)
            value, there = lead(z, aim), reached(z, aim)
            better = (value >= best) | there
            at, best = tried.where(over(better, at), at), value.where(better, best)
        found[left] = at
        return found

    def share(self, query: int) -> float:
        """The share of the image that a window covers at this query.

        >>> [Square(eps=0.1).share(query) for query in (1, 2, 200, 999)]
        [0.8, 0.4, 0.05, 0.003125]
        """
        halved = sum(query * 10_000 > after * self.queries for after in HALVED_AFTER)
        return math.ldexp(self.p_init, -halved)


class _Chance(NamedTuple):
    """What is drawn for ``number`` examples, on the CPU, and kept for those that are ``left``."""

    generator: Generator
    number: int
    left: Tensor

    def below(self, most: int, *shape: int) -> Tensor:
        """Whole numbers from 0 to ``most`` − 1: left×shape."""
        import torch

        drawn = torch.randint(most, (self.number, *shape), generator=self.generator)
        return drawn.to(self.left.device)[self.left]

    def signs(self, like: Tensor, *shape: int) -> Tensor:
        """−1 or 1: left×shape."""
        return self.below(2, *shape).to(like) * 2 - 1


def _image(x: Tensor) -> Tensor:
    """N×channels×axes…: a plain vector N×D has one channel."""
    return x.unsqueeze(1) if x.dim() == 2 else x


def _sides(size: Sequence[int], share: float, least: int = 1) -> list[int]:
    """Of the window that covers this share of the axes' ``size``: as near to a cube as they let it be."""
    side = max(round((share * math.prod(size)) ** (1 / len(size))), least)
    return [min(side, length) for length in size]


def _window(size: Sequence[int], sides: Sequence[int], chance: _Chance) -> tuple[list[Tensor], Tensor]:
    """A window for each example, anywhere.

    Where each place lies in it, along each axis (N×1×…×axis×…), and whether it does (N×1×axes…).
    """
    import torch

    places, inside = [], torch.ones((), dtype=torch.bool, device=chance.left.device)
    for axis, (length, side) in enumerate(zip(size, sides, strict=True)):
        first = chance.below(length - side + 1).reshape(-1, *(1 for _ in range(len(size) + 1)))
        place = _along(axis, length, len(size), chance.left) - first
        inside = inside & (place >= 0) & (place < side)
        places.append(place.clamp(0, side - 1))
    return places, inside


def _along(axis: int, length: int, axes: int, like: Tensor) -> Tensor:
    """0 … ``length`` − 1 along one of the ``axes``: 1×1×…×length×…."""
    import torch

    counted = torch.arange(length, device=like.device)
    return counted.reshape(1, 1, *(length if other == axis else 1 for other in range(axes)))


def _stripes(ball: Neighbourhood, generator: Generator) -> Tensor:
    """±eps, one sign for each channel and place of the last axis: vertical stripes of an image."""
    import torch

    x = _image(ball.centre)
    chance = _Chance(generator, len(x), torch.arange(len(x), device=x.device))
    shape = (x.shape[1], *(1 for _ in x.shape[3:]), x.shape[-1])
    return _clipped(x + ball.radius * chance.signs(x, *shape), ball)


def _set(ball: Neighbourhood, at: Tensor, share: float, chance: _Chance) -> Tensor:
    """``at`` with one window at ±eps, one sign for each channel."""
    x = _image(ball.centre)
    size = x.shape[2:]
    _, inside = _window(size, _sides(size, share), chance)
    corner = x + ball.radius * chance.signs(x, x.shape[1], *(1 for _ in size))
    return _clipped(corner.where(inside, _image(at)), ball)


def _clipped(image: Tensor, ball: Neighbourhood) -> Tensor:
    return image.clamp(*ball.bounds).reshape(ball.centre.shape)


def _bumps(ball: Neighbourhood, generator: Generator) -> Tensor:
    """``TILES`` bumps along each axis, each of random sign in each channel, of length eps together."""
    import torch

    from builder.runtime.attacks.perturbation import unit

    x = _image(ball.centre)
    size = x.shape[2:]
    chance = _Chance(generator, len(x), torch.arange(len(x), device=x.device))
    sides = [max(length // TILES, 1) for length in size]
    tiles = [min(TILES, length) for length in size]
    signs = chance.signs(x, x.shape[1], *tiles)
    within, covered = [], torch.ones((), dtype=torch.bool, device=x.device)
    for axis, (length, side, number) in enumerate(zip(size, sides, tiles, strict=True)):
        place = _along(axis, length, len(size), x) - (length - side * number) // 2
        covered = covered & (place >= 0) & (place < side * number)
        place = place.clamp(0, side * number - 1)
        signs = signs.index_select(2 + axis, (place // side).flatten())
        within.append(place % side)
    change = torch.where(covered, signs * _bump(sides, 0).to(x)[tuple(within)], 0)
    return ball.project_(ball.centre + ball.radius * unit(change).reshape(ball.centre.shape))


def _moved(ball: Neighbourhood, at: Tensor, share: float, chance: _Chance) -> Tensor:
    """``at`` with what two windows hold, and what is unused of eps, in the first of them, bent by a bump."""
    import torch

    from builder.runtime.attacks.perturbation import length, over

    x = _image(ball.centre)
    size, axes = x.shape[2:], tuple(range(2, x.dim()))
    # A window that is the whole image has nowhere to move a length from.
    sides = _sides(size, share, LEAST_SIDE if min(size) > LEAST_SIDE else 1)
    sides = [min(side + 1 - side % 2, most) for side, most in zip(sides, size, strict=True)]
    change = _image(at) - x
    places, to = _window(size, sides, chance)
    _, off = _window(size, sides, chance)

    def norm(part: Tensor) -> Tensor:
        found: Tensor = torch.linalg.vector_norm(part, dim=axes, keepdim=True)
        return found

    def one_long(part: Tensor) -> Tensor:
        return part / norm(part).clamp_min(torch.finfo(part.dtype).tiny)

    turned = chance.below(len(size))  # the axis along which the bump changes its sign
    bumps = torch.stack([_bump(sides, axis) for axis in range(len(size))]).to(x)
    bump = bumps[(over(turned, x), *places)] * to
    bent = one_long(chance.signs(x, x.shape[1], *(1 for _ in size)) * one_long(bump) + one_long(change * to))
    unused = (ball.radius**2 - length(change) ** 2).clamp_min(0) / x.shape[1]
    held = (norm(change * (to | off)) ** 2 + over(unused, x)).sqrt()
    change = torch.where(to, bent * held, torch.where(off, 0, change))
    return ball.project_(ball.centre + change.reshape(ball.centre.shape))


def _bump(sides: Sequence[int], axis: int) -> Tensor:
    """A window of two hills, one up and one down, one behind the other along ``axis``."""
    import torch

    half = sides[axis] // 2
    parts = [[*sides[:axis], side, *sides[axis + 1 :]] for side in (half, sides[axis] - half)]
    return torch.cat([_hill(parts[0]), -_hill(parts[1])], dim=axis)


def _hill(sides: Sequence[int]) -> Tensor:
    """Σ 1/(k + 1)² over k from the distance to the middle to the largest: concentric windows, one upon another."""
    import torch

    most = max(side // 2 for side in sides)
    heights = (1 / torch.arange(1, most + 2, dtype=torch.float64) ** 2).flip(0).cumsum(0).flip(0)
    away = torch.zeros(list(sides), dtype=torch.int64)
    for axis, side in enumerate(sides):
        far = (torch.arange(side) - side // 2).abs()
        away = torch.maximum(away, far.reshape([side if other == axis else 1 for other in range(len(sides))]))
    return heights[away]
