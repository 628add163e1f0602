"""The inputs of a network: shapes without the batch axis, of reals or of tokens."""

from __future__ import annotations

from builder.errors import Report
from builder.keys import checked_name, is_hole, misspelt, read_keys
from builder.nodes import Mapping, Node, Scalar, Sequence, describe
from builder.reader import Reader, Unknown
from builder.shapes import TensorType


class InputReader:
    """Reads `input` or `inputs` of a spec whose known keys are ``known``."""

    def __init__(self, root: Mapping, known: tuple[str, ...], reader: Reader, report: Report) -> None:
        self.root = root
        self.known = known
        self.reader = reader
        self.report = report

    def read(self) -> dict[str, TensorType]:
        """Each input's type under its name; those that are wrong are reported and left out."""
        one, several = self.root.get("input"), self.root.get("inputs")
        if one is None and several is None and not misspelt("input", self.root, self.known):
            self.report.error(
                self.root.place,
                "a spec needs `input`",
                "As in `input: [1, 28, 28]`: C, H, W, without the batch axis.",
            )
        if one is not None and several is not None:
            self.report.error(
                self.root.keys["inputs"], "expected `input` or `inputs`, found both", "Keep one."
            )
        if several is None:
            found = self._tensor(one) if one is not None else None
            return {"input": found} if found else {}
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
            found = self._tensor(node)
            if found:
                inputs[str(key)] = found
        return inputs

    def _tensor(self, node: Node) -> TensorType | None:
        shape, vocabulary = node, None
        if isinstance(node, Mapping):
            read_keys(node, ("shape", "vocabulary"), frozenset(), "an input", self.report)
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
        sizes = self._shape(shape)
        return TensorType(sizes, vocabulary) if sizes is not None else None

    def _shape(self, node: Node) -> tuple[int, ...] | None:
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
        return (
            None if any(size is None for size in sizes) else tuple(size for size in sizes if size is not None)
        )

    def _size(self, node: Node) -> int | None:
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.isidentifier():
            self.report.error(
                node.place, f"an axis of free length (`{node.value}`) is not available yet", "Write its size."
            )
            return None
        return self._whole(node)

    def _whole(self, node: Node) -> int | None:
        try:
            value = self.reader.plain(node)
        except Unknown:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1 << 40:
            self.report.error(node.place, f"expected a whole number of at least 1, found {describe(value)}")
            return None
        return value
