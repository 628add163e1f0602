"""The inputs of a network: shapes without the batch axis, of reals or of tokens.

A capital letter, perhaps with digits (``T``, ``S2``), stands for an axis of free length. Tokens may have no
axes: ``{shape: [], vocabulary: 10}`` is one class's number for each example.
"""

from __future__ import annotations

from typing import Final

from builder.errors import Report
from builder.language.keys import checked_name, is_hole, misspelt, read_keys
from builder.language.nodes import Mapping, Node, Scalar, Sequence, describe
from builder.reader import Reader, Unknown
from builder.shapes import SYMBOL, Size, TensorType

LENGTHS: Final = "_lengths"  # after an input's name: how long each of its examples is


class InputReader:
    """Reads `input` or `inputs` of ``owner``, a spec or network whose known keys are ``known``."""

    def __init__(
        self, root: Mapping, known: tuple[str, ...], reader: Reader, report: Report, owner: str = "a spec"
    ) -> None:
        self.root = root
        self.known = known
        self.reader = reader
        self.report = report
        self.owner = owner

    def read(self) -> dict[str, TensorType]:
        """Each input's type under its name; those that are wrong are reported and left out."""
        single, several = self.root.get("input"), self.root.get("inputs")
        if single is None and several is None and not misspelt("input", self.root, self.known):
            self.report.error(
                self.root.place,
                f"{self.owner} needs `input`",
                "As in `input: [1, 28, 28]`: C, H, W, without the batch axis.",
            )
        if single is not None and several is not None:
            self.report.error(
                self.root.keys["inputs"], "expected `input` or `inputs`, found both", "Keep one."
            )
        if several is None:
            kind = self._tensor(single) if single is not None else None
            return {"input": kind} if kind else {}
        if not isinstance(several, Mapping):
            if not is_hole(several):
                self.report.error(
                    several.place, f"expected a mapping of names to inputs, found {describe(several)}"
                )
            return {}
        if not several.entries:
            self.report.error(several.place, "expected at least one input, found an empty mapping")
        inputs: dict[str, TensorType] = {}
        for key, node in several.entries.items():
            checked_name(key, several.keys[key], self.report)
            kind = self._tensor(node)
            if kind:
                inputs[str(key)] = kind
        for key in several.entries:
            owner = inputs.get(str(key).removesuffix(LENGTHS))
            if str(key).endswith(LENGTHS) and owner is not None and owner.free:
                self.report.error(
                    several.keys[key],
                    f"`{key}` is what the lengths of the input `{str(key).removesuffix(LENGTHS)}` are called",
                    "Give this input another name.",
                )
        return inputs

    def _tensor(self, node: Node) -> TensorType | None:
        shape, vocabulary = node, None
        if isinstance(node, Mapping):
            read_keys(node, ("shape", "vocabulary"), "an input", self.report)
            inner, words = node.get("shape"), node.get("vocabulary")
            if inner is None:
                self.report.error(
                    node.place, "an input needs `shape`", "As in `{shape: [16], vocabulary: 80}`."
                )
                return None
            shape = inner
            if words is not None:
                vocabulary = self._whole(words)
                if vocabulary is None:
                    return None
        if vocabulary is not None and isinstance(shape, Sequence) and not shape.items:
            return TensorType((), vocabulary)  # one token for each example: a class's number
        sizes = self._shape(shape)
        return TensorType(sizes, vocabulary) if sizes is not None else None

    def _shape(self, node: Node) -> tuple[Size, ...] | None:
        if is_hole(node):
            return None
        if not isinstance(node, Sequence) or not node.items:
            found = "an empty list" if isinstance(node, Sequence) else describe(node)
            hint = (
                f"Write `[{node.text}]`."
                if isinstance(node, Scalar) and isinstance(node.value, int)
                else None
            )
            self.report.error(
                node.place, f"expected a list of sizes without the batch axis, found {found}", hint
            )
            return None
        if len(node.items) > 8:
            self.report.error(node.place, f"an input of {len(node.items)} axes is too many", "8 are allowed.")
            return None
        sizes = [self._size(item) for item in node.items]
        free = [item for item, size in zip(node.items, sizes, strict=True) if isinstance(size, str)]
        if len(free) > 1:
            self.report.error(
                free[1].place,
                f"an input has one axis of free length, found {len(free)}",
                "Write the size of the others.",
            )
            return None
        return (
            None if any(size is None for size in sizes) else tuple(size for size in sizes if size is not None)
        )

    def _size(self, node: Node) -> Size | None:
        if not (isinstance(node, Scalar) and isinstance(node.value, str) and node.value.isidentifier()):
            return self._whole(node)
        symbol = node.value
        if symbol == "N":
            self.report.error(
                node.place,
                "`N` is the batch axis, which is implied",
                "Leave it out; an axis of free length has another letter, as in `[T, 28]`.",
            )
        elif not SYMBOL.match(symbol):
            self.report.error(
                node.place,
                f"`{symbol}` is no size: an axis of free length is one capital letter, as in `[T, 28]`",
                f"Write `{symbol[0].upper()}`." if symbol[0].upper() not in "N_" else None,
            )
        else:
            return symbol
        return None

    def _whole(self, node: Node) -> int | None:
        try:
            value = self.reader.plain(node)
        except Unknown:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1 << 40:
            self.report.error(node.place, f"expected a whole number of at least 1, found {describe(value)}")
            return None
        return value
