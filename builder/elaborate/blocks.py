"""The values of a block's parameters at one use of it."""

from __future__ import annotations

from builder.elaborate.layer_maker import Copy
from builder.elaborate.scope import Value
from builder.errors import Report, did_you_mean
from builder.language.nodes import Mapping, Node, Scalar, describe
from builder.reader import Reader, Unknown, Unresolved
from builder.spec.written import Block, Item


class Watching(set[str]):
    """A set that hands each name on to other sets: the block's parameters read, and the file's constants read."""

    def __init__(self, *sets: set[str]) -> None:
        super().__init__()
        self._sets = sets

    def add(self, name: str) -> None:
        """Adds ``name`` to each of the other sets."""
        for names in self._sets:
            names.add(name)


def block_names(
    copy: Copy,
    block: Block,
    arrives: Value,
    constants: dict[str, object],
    read: set[str],
    report: Report,
) -> dict[str, object] | None:
    """The value of each ``$name`` inside this use of the block; None if a parameter is missing (reported).

    A default may read the constants, ``$in_channels`` and the parameters before it. An argument is evaluated
    where the use stands. The names that defaults read are added to ``read``.
    """
    arguments = _arguments(copy.item, block, report)
    if arguments is None:
        return None
    shape = arrives.type.shape if arrives.type is not None else None
    names: dict[str, object] = dict(constants)
    names["in_channels"] = shape[0] if shape and len(shape) > 1 else Unresolved()
    names["in_features"] = shape[-1] if shape else Unresolved()
    complete = True
    for name, default in block.parameters.items():
        if name not in arguments and isinstance(default, Scalar) and default.value is None:
            report.error(
                copy.place,
                f"the block `{block.name}` needs `{name}`",
                f"As in `{block.name}: {{{name}: …}}`.",
            )
            complete = False
            continue
        if name in arguments:
            reader, node = copy.reader(report), arguments[name]
        else:
            reader, node = Reader(report, dict(names), read), default
        try:
            names[name] = reader.plain(node)
        except Unknown:
            names[name] = Unresolved()
    return names if complete else None


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
        return {str(key): node for key, node in fields.entries.items() if key in block.parameters}
    if not block.parameters:
        report.error(
            fields.place,
            f"the block `{block.name}` has no parameters, found {describe(fields)}",
            f"Write `{block.name}` alone.",
        )
        return None
    return {next(iter(block.parameters)): fields}
