"""What went wrong in a gradient that a student worked out: the commonest slips, each with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from builder.shapes import Shape, count
from grader.exchange import Array, Findings

SHOWN_SIDE: Final = 8


@dataclass(frozen=True, slots=True)
class Slips:
    """The wrong gradients of one submission, with their relative errors."""

    submitted: Findings
    reference: Findings
    wrong: Mapping[str, float]
    tolerance: float

    def expected(self, name: str) -> str:
        """What should be in the array: its first wrong entry."""
        wanted = self.reference.arrays[name]
        found = self.submitted.arrays.get(name)
        if found is None or found.shape != wanted.shape:
            return f"{name}: an array of shape {list(wanted.shape)}"
        place = _first_wrong(found, wanted, self.tolerance)
        return f"{name}{_index(place)} = {wanted[place]:.6g}"

    def found(self, name: str) -> str:
        """What is in the array, and its relative error."""
        wanted = self.reference.arrays[name]
        found = self.submitted.arrays.get(name)
        shape = self._shape(name)
        if shape is None:
            return f"no `{name}`"
        if found is None or shape != wanted.shape:
            return f"{name}: shape {list(shape)}"
        place = _first_wrong(found, wanted, self.tolerance)
        return f"{name}{_index(place)} = {found[place]:.6g} (relative error {self.wrong[name]:.2g})"

    def hint(self) -> str | None:
        """The slip behind each wrong array, where it shows; a slip of several arrays is named once."""
        told: dict[str, list[str]] = {}
        for name in self.wrong:
            if (slip := self.slip(name)) is not None:
                told.setdefault(slip, []).append(f"`{name}`")
        if told:
            return " ".join(f"{_listed(names)}: {slip}" for slip, names in told.items())
        others = self.submitted.data.get("others")
        if others and any(self._shape(name) is None for name in self.wrong):
            return f"The file also has {_listed([f'`{name}`' for name in others])}: is a name misspelt?"
        return "Start at the output: check dL/d(output) by hand, then one layer at a time back."

    def slip(self, name: str) -> str | None:
        """The slip that explains the array, or None."""
        found, wanted = self.submitted.arrays.get(name), self.reference.arrays[name]
        if found is None:
            return self._of_shape(self._shape(name), wanted)
        if not np.isfinite(found).all():
            return "not every value is a finite number; a division by zero, or an exponential that overflows?"
        turned = wanted.ndim == 2 and found.shape == wanted.T.shape
        if found.shape == wanted.shape:
            if (told := self._factor(found, wanted)) is not None:
                return told
            for layer, without in self._without(name):
                if self._equal(found, without):
                    return f"the derivative of `{layer}` is missing."
            for layer, without in self._without(name):
                if (told := self._factor(found, without)) is not None:
                    return f"the derivative of `{layer}` is missing, and {told}"
            if turned and self._equal(found, wanted.T):
                return "it is transposed."
        elif turned:
            also = "." if self._equal(found, wanted.T) else ", and its values differ too."
            return f"it is transposed{also}"
        return None

    def _shape(self, name: str) -> Shape | None:
        """The shape that an array was handed in with; the values of one of a strange shape are not here."""
        found = self.submitted.arrays.get(name)
        if found is not None:
            return found.shape
        told = self.submitted.data["shapes"].get(name)
        return None if told is None else tuple(told)

    def _of_shape(self, shape: Shape | None, wanted: Array) -> str | None:
        """The slip that a strange shape tells of."""
        if shape == (self.reference.data["examples"], *wanted.shape):
            return "it has one gradient for each example: average over the batch."
        if shape is not None and count(shape) == wanted.size:
            return "it has the right number of values in another shape."
        return None

    def _factor(self, found: Array, wanted: Array) -> str | None:
        """The slip by which ``found`` is a multiple of ``wanted``."""
        if not found.any():
            return "it is all zeros."
        if not wanted.any():
            return None
        examples = int(self.reference.data["examples"])
        known = {
            -1.0: "the sign is wrong.",
            float(examples): "it is summed, not averaged, over the batch.",
            -float(examples): "the sign is wrong, and it is summed, not averaged, over the batch.",
            1 / examples: "it is divided by the number of examples once too often.",
            0.5: "it is half of what it should be: the derivative of x² is 2x.",
            2.0: "it is twice what it should be.",
        }
        for factor, told in known.items():
            if factor != 1 and self._equal(found, factor * wanted):
                return told
        return None

    def _without(self, name: str) -> list[tuple[str, Array]]:
        """What the gradient would be without the derivative of one activation, for each that matters."""
        wanted = self.reference.arrays[name]
        found: list[tuple[str, Array]] = []
        for key, array in self.reference.arrays.items():
            kind, _, rest = key.partition(":")
            layer, _, parameter = rest.rpartition(":")
            if kind == "slip" and parameter == name and not self._equal(array, wanted):
                found.append((layer, array))
        return found

    def _equal(self, a: Array, b: Array) -> bool:
        largest = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
        if largest == 0:
            return True
        return bool(np.abs(a - b).max() <= self.tolerance * largest)


def _first_wrong(found: Array, wanted: Array, tolerance: float) -> tuple[int, ...]:
    """The place of the first entry that is off by more than the tolerance, or else the worst."""
    off = np.abs(found - wanted)
    off[~np.isfinite(off)] = np.inf
    wrong = np.argwhere(off > tolerance * np.abs(wanted).max(initial=0.0))
    place = wrong[0] if len(wrong) else np.unravel_index(int(off.argmax()), off.shape)
    return tuple(int(i) for i in place)


def _index(place: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, place))}]" if place else ""


def _listed(names: list[str]) -> str:
    shown = names[:SHOWN_SIDE]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return ", ".join(shown) + more
