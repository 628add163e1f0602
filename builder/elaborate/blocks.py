"""What a use of a block gives it: its parameters' values, and what arrives."""

from __future__ import annotations

from builder.elaborate.layer_maker import Copy
from builder.elaborate.scope import Value
from builder.errors import Report, did_you_mean
from builder.language.nodes import Mapping, Node, Scalar, describe
from builder.reader import Reader, Unknown, Unresolved
from builder.spec.written import Block, Item


class Watching(set[str]):
    """Notes a name in several sets at once: a block's, and the file's, which has the constants."""

    def __init__(self, *sets: set[str]) -> None:
        super().__init__()
        self._sets = sets

    def add(self, name: str) -> None:
        """Notes ``name`` in each."""
        for one in self._sets:
            one.add(name)


def block_names(
    copy: Copy,
    block: Block,
    arrives: Value,
    constants: dict[str, object],
    read: set[str],
    report: Report,
) -> dict[str, object] | None:
    """What ``$name`` means inside this use of the block, or none if a parameter is missing (reported).

    A default may read the constants, ``$in_channels`` and the parameters before it; what the use gives is
    evaluated where the use stands. ``read`` notes the names that defaults read.
    """
    given = _arguments(copy.item, block, report)
    if given is None:
        return None
    shape = arrives.type.shape if arrives.type is not None else None
    names: dict[str, object] = dict(constants)
    names["in_channels"] = shape[0] if shape and len(shape) > 1 else Unresolved()
    names["in_features"] = shape[-1] if shape else Unresolved()
    right = True
    for name, default in block.parameters.items():
        if name not in given and isinstance(default, Scalar) and default.value is None:
            report.error(
                copy.place,
                f"the block `{block.name}` needs `{name}`",
                f"As in `{block.name}: {{{name}: …}}`.",
            )
            right = False
            continue
        if name in given:
            reader, node = copy.reader(report), given[name]
        else:
            reader, node = Reader(report, dict(names), read), default
        try:
            names[name] = reader.plain(node)
        except Unknown:
            names[name] = Unresolved()
    return names if right else None


def _arguments(item: Item, block: Block, report: Report) -> dict[str, Node] | None:
    fields = item.fields
    if fields is None or (isinstance(fields, Scalar) and fields.value is None and not fields.quoted):
        return {}
    if isinstance(fields, Mapping):
        for key, place in fields.keys.items():
            if key not in block.parameters:
                report.error(
                    place,
                    f"the block `{block.name}` has no parameter `{key}`",
                    did_you_mean(str(key), block.parameters),
                )
        return {str(k): v for k, v in fields.entries.items() if k in block.parameters}
    if not block.parameters:
        report.error(
            fields.place,
            f"the block `{block.name}` has no parameters, found {describe(fields)}",
            f"Write `{block.name}` alone.",
        )
        return None
    return {next(iter(block.parameters)): fields}
