"""The resolved spec: what the author wrote, with every default filled in, as data that loads to the same."""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingABC
from typing import TYPE_CHECKING, Any

import yaml

from builder.component import Component, to_plain
from builder.elaborate.elaborate import Elaborated, Use
from builder.language.nodes import Mapping, Node, Scalar, Sequence, written
from builder.language.scalars import resolve as value_of
from builder.shapes import TensorType
from builder.spec.written import LANGUAGE_VERSION, SAID_BY_DATA, Item, WrittenSpec

if TYPE_CHECKING:
    from builder.cells.cell import Cell
    from builder.elaborate.several import Several
    from builder.games.section import Adversarial


def resolve(spec: WrittenSpec, elaborated: Elaborated) -> dict[str, Any]:
    """The resolved spec. Expressions stay as written, since a block may have other values at each use.

    A size of the data (``$classes``) becomes a constant where it is still read, so that the resolved spec is
    the same network without its data.
    """
    items = _Items(elaborated.uses)
    normal = _head(spec) | _inputs(spec)
    normal |= _own_types(spec, items, elaborated.blocks, elaborated.cells)
    normal["layers"] = items.all(spec.layers)
    normal = _with_constants(spec, normal) | _outputs(spec)
    normal |= _as_written(expect=spec.expect, init=spec.init)
    return normal | _sections(data=spec.data, train=spec.train) | _attacks(spec)


def resolve_several(spec: WrittenSpec, several: Several, adversarial: Adversarial | None) -> dict[str, Any]:
    """The resolved spec of several networks, without the inputs and layers that a label adds."""
    elaborated = several.elaborated
    uses = {item: uses for network in elaborated.values() for item, uses in network.uses.items()}
    blocks = frozenset[str]().union(*(network.blocks for network in elaborated.values()))
    cells = {name: cell for network in elaborated.values() for name, cell in network.cells.items()}
    normal = _head(spec) | _own_types(spec, _Items(uses), blocks, cells)
    normal["networks"] = {
        name: _inputs(network)
        | {"layers": _Items(elaborated[name].uses).all(network.layers)}
        | _outputs(network)
        | _as_written(expect=network.expect, init=network.init)
        for name, network in spec.networks.items()
    }
    normal = _with_constants(spec, normal) | _as_written(expect=spec.expect, init=spec.init)
    return normal | _sections(data=spec.data, adversarial=adversarial, train=spec.game)


def _head(spec: WrittenSpec) -> dict[str, Any]:
    return {"gradspec": LANGUAGE_VERSION, "name": spec.name}


def _inputs(spec: WrittenSpec) -> dict[str, Any]:
    if list(spec.inputs) == ["input"]:
        return {"input": _tensor(spec.inputs["input"])}
    return {"inputs": {name: _tensor(kind) for name, kind in spec.inputs.items()}}


def _own_types(
    spec: WrittenSpec, items: _Items, used: frozenset[str], known: MappingABC[str, Cell]
) -> dict[str, Any]:
    """The author's blocks and cells, and those of libraries that were used."""
    own_types: dict[str, Any] = {}
    blocks = [
        block for block in spec.blocks.values() if block.name in used or block.name not in spec.imported
    ]
    if blocks:
        own_types["blocks"] = {
            block.name: {
                "parameters": {name: written(default) for name, default in block.parameters.items()},
                "inputs": list(block.inputs),
                "layers": items.all(block.layers),
            }
            for block in blocks
        }
        for plain in own_types["blocks"].values():
            if plain["inputs"] == ["input"]:
                del plain["inputs"]
    own = spec.written("cells")
    cells = {name: cell.written for name, cell in known.items()}
    if isinstance(own, Mapping):
        cells = {str(name): written(cell) for name, cell in own.entries.items()} | cells
    if cells:
        own_types["cells"] = cells
    return own_types


def _with_constants(spec: WrittenSpec, normal: dict[str, Any]) -> dict[str, Any]:
    """``normal`` with the constants behind the inputs: the author's, and sizes of the data."""
    constants: dict[str, Any] = {
        name: spec.constants[name] for name in SAID_BY_DATA if name in spec.constants and _reads(normal, name)
    }
    own = spec.written("constants")
    if own is not None:
        constants |= written(own)
    if not constants:
        return normal
    before = [key for key in normal if key in ("gradspec", "name", "input", "inputs")]
    head = {key: normal.pop(key) for key in before}
    return {**head, "constants": constants, **normal}


def _outputs(spec: WrittenSpec) -> dict[str, Any]:
    return {} if spec.outputs is None else {"outputs": [name for name, _ in spec.outputs]}


def _as_written(**nodes: Node | None) -> dict[str, Any]:
    return {key: written(node) for key, node in nodes.items() if node is not None}


def _sections(**sections: Component | None) -> dict[str, Any]:
    return {key: section.plain() for key, section in sections.items() if section is not None}


def _attacks(spec: WrittenSpec) -> dict[str, Any]:
    return (
        {"attacks": {name: to_plain(attack) for name, attack in spec.attacks.items()}} if spec.attacks else {}
    )


def _reads(data: object, name: str) -> bool:
    """Whether an expression within ``data`` reads ``$name``."""
    if isinstance(data, dict):
        return any(_reads(value, name) for value in data.values())
    if isinstance(data, list):
        return any(_reads(item, name) for item in data)
    return isinstance(data, str) and data.startswith("$") and name in re.findall(r"[A-Za-z_]\w*", data)


def to_yaml(data: object) -> str:
    r"""Plain data as YAML of our reader's schema: a text that would read as anything else is quoted.

    >>> to_yaml({"name": "1e3"})
    'name: "1e3"\n'
    """
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


class _Dumper(yaml.SafeDumper):
    """Quotes the texts that our reader, unlike PyYAML's, takes for numbers (`1e3`). Writes no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _quoted_where_needed(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = value_of(text) == text and not text.startswith("???")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _quoted_where_needed)


def _has_expression(node: Node) -> bool:
    if isinstance(node, Mapping):
        return any(_has_expression(value) for value in node.entries.values())
    if isinstance(node, Sequence):
        return any(_has_expression(item) for item in node.items)
    return node.is_expression


def _tensor(kind: TensorType) -> Any:
    if kind.vocabulary is None:
        return list(kind.shape)
    return {"shape": list(kind.shape), "vocabulary": kind.vocabulary}


class _Items:
    """Items as plain data. A name is filled in only outside of a `repeat`, where it is the same for every copy."""

    def __init__(self, uses: MappingABC[int, list[Use]]) -> None:
        self.uses = uses

    def all(self, items: tuple[Item, ...], *, repeated: bool = False) -> list[Any]:
        return [self.item(item, repeated) for item in items]

    def item(self, item: Item, repeated: bool) -> dict[str, Any]:
        repeated = repeated or item.repeat is not None
        uses = self.uses.get(id(item), [])
        names = {use.name for use in uses}
        out: dict[str, Any] = {}
        if item.name is not None:
            out["name"] = item.name
        elif not repeated and len(names) == 1:
            out["name"] = names.pop()
        if item.sources is not None:
            sources = [name for name, _ in item.sources]
            out["from"] = sources[0] if len(sources) == 1 else sources
        if item.state_from is not None:
            out["state_from"] = item.state_from[0]
        for key in ("init", "freeze", "norm", "repeat"):
            node = getattr(item, key)
            if node is not None:
                out[key] = written(node)
        if item.share is not None:
            out["share"] = item.share[0]
        elif item.layers is not None:
            out["layers"] = self.all(item.layers, repeated=repeated)
        elif item.kind is not None:
            out[item.kind] = self._fields(item)
        return out

    def _fields(self, item: Item) -> Any:
        uses = self.uses.get(id(item), [])
        layer = uses[0].layer if uses else None
        if layer is None:
            return written(item.fields) if item.fields is not None else {}
        fields = layer.plain()
        if all(use.sizes == uses[0].sizes for use in uses):
            fields |= to_plain(uses[0].sizes)
        given = item.fields
        if isinstance(given, Mapping):
            fields |= {
                str(key): written(node) for key, node in given.entries.items() if _has_expression(node)
            }
        elif isinstance(given, Scalar) and _has_expression(given) and layer.main is not None:
            fields[layer.main] = given.value
        return fields
