"""The JSON Schema of a model spec, for completion and errors in editors."""

from __future__ import annotations

from typing import Any, Final

from builder.cells.layer import CellLayer
from builder.cells.shipped import shipped
from builder.component import Catalogue, Choice, Choices, Component, choice_of, section_of
from builder.data.section import Data
from builder.elaborate.parametrisation import NORMS
from builder.games.section import Adversarial
from builder.games.training import Game
from builder.layers.layer import layers
from builder.robustness.attacks.attack import attacks
from builder.spec.several import ALONE, MOST
from builder.training.initializers.initializer import initializers
from builder.training.section import Train

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAME: Final = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}
_NAMES: Final = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
_EXPRESSION: Final = {"type": "string", "pattern": r"^(\$[A-Za-z_]\w*|\$\(.*\)|\?\?\?)$"}
_HOLE: Final = {"const": "???"}
_FREE: Final = {"type": "string", "pattern": "^[A-MO-Z][0-9]*$|^N[0-9]+$"}
_SIZES: Final = {
    "type": "array",
    "items": {"anyOf": [{"type": "integer", "minimum": 1}, _FREE, _EXPRESSION]},
}
_TENSOR: Final = {
    "anyOf": [
        _SIZES,
        {
            "type": "object",
            "properties": {
                "shape": _SIZES,
                "vocabulary": {"anyOf": [{"type": "integer", "minimum": 1}, _EXPRESSION]},
            },
            "required": ["shape"],
            "additionalProperties": False,
        },
    ]
}


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a model spec, with every component of the catalogues."""
    return {
        "$schema": DIALECT,
        "title": "gradspec model spec",
        "type": "object",
        "properties": {
            "gradspec": {"const": 1, "description": "The language version."},
            "name": {"type": "string"},
            "input": {
                **_TENSOR,
                "description": "Shape without the batch axis: [C, H, W]; a capital is a free length: [T, 28].",
            },
            "inputs": {"type": "object", "additionalProperties": _TENSOR},
            "constants": {"type": "object", "propertyNames": _NAME},
            "blocks": {
                "type": "object",
                "propertyNames": _NAME,
                "additionalProperties": {"$ref": "#/$defs/block"},
            },
            "cells": {
                "type": "object",
                "propertyNames": _NAME,
                "additionalProperties": {"anyOf": [{"$ref": "#/$defs/cell"}, _HOLE]},
            },
            "library": {**_NAMES, "description": "Files of the same folder or below, with blocks and cells."},
            "layers": {"$ref": "#/$defs/layers"},
            "outputs": _NAMES,
            "expect": {"type": "object"},
            "init": {"type": "object", "additionalProperties": _one_of(initializers)},
            "data": component_schema(Data),
            "train": {"description": Train.manual().split("\n\n")[0]},
            "networks": {
                "type": "object",
                "description": "Several networks, each under its name.",
                "propertyNames": _NAME,
                "additionalProperties": {"anyOf": [{"$ref": "#/$defs/network"}, _HOLE]},
                "minProperties": 1,
                "maxProperties": MOST,
            },
            "adversarial": component_schema(Adversarial),
            "attacks": {
                "type": "object",
                "description": "Attacks for `gradspec attack`, under names of your own.",
                "propertyNames": _NAME,
                "additionalProperties": _one_of(attacks),
            },
        },
        "if": {"anyOf": [{"required": ["networks"]}, {"required": ["adversarial"]}]},
        "then": {
            "required": ["networks"],
            "properties": {"train": component_schema(Game), **dict.fromkeys(ALONE, False)},
        },
        "else": {"required": ["layers"], "properties": {"train": component_schema(Train)}},
        "additionalProperties": False,
        "$defs": {
            "layers": {
                "anyOf": [_EXPRESSION, {"type": "array", "items": {"$ref": "#/$defs/item"}, "minItems": 1}]
            },
            "block": {
                "type": "object",
                "properties": {
                    "parameters": {"type": "object", "propertyNames": _NAME},
                    "inputs": _NAMES,
                    "layers": {"$ref": "#/$defs/layers"},
                },
                "required": ["layers"],
                "additionalProperties": False,
            },
            "network": {
                "type": "object",
                "description": "One of several networks: it may use the spec's constants, blocks and cells.",
                "properties": {
                    "input": _TENSOR,
                    "inputs": {"type": "object", "additionalProperties": _TENSOR},
                    "layers": {"$ref": "#/$defs/layers"},
                    "outputs": _NAMES,
                    "expect": {"type": "object"},
                    "init": {"type": "object", "additionalProperties": _one_of(initializers)},
                },
                "required": ["layers"],
                "additionalProperties": False,
            },
            "cell": _cell(),
            "cell_layer": _fields(CellLayer),
            "item": _item(),
        },
    }


def _cell() -> dict[str, Any]:
    equations = {
        "type": "object",
        "propertyNames": {"anyOf": [_NAME, _HOLE]},
        "additionalProperties": {"type": ["string", "number"], "description": "As in `W @ x + b`."},
    }
    return {
        "type": "object",
        "description": "A recurrent cell: equations over one step of time.",
        "properties": {
            "states": {"anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 1}, _HOLE]},
            "parameters": {
                "type": "object",
                "propertyNames": _NAME,
                "additionalProperties": {"enum": ["vector", "scalar", "???"]},
            },
            "gates": {"anyOf": [equations, _HOLE]},
            "update": {"anyOf": [equations, _HOLE]},
            "init": {"type": "object", "additionalProperties": _one_of(initializers)},
            "initial": {"enum": ["zeros", "learned", "???"]},
        },
        "required": ["states", "update"],
        "additionalProperties": False,
    }


def _item() -> dict[str, Any]:
    beside: dict[str, Any] = {
        "name": _NAME,
        "from": _NAMES,
        "init": {"type": "object", "additionalProperties": _one_of(initializers)},
        "state_from": {"type": "string"},
        "freeze": {"anyOf": [{"type": "boolean"}, _EXPRESSION]},
        "norm": {"anyOf": [{"enum": [*NORMS, None]}, _EXPRESSION]},
        "repeat": {"anyOf": [{"type": "integer", "minimum": 1}, _EXPRESSION]},
        "share": {"type": "string"},
        "layers": {"$ref": "#/$defs/layers"},
    }
    types = {name: _fields(layers[name]) for name in layers}
    types |= {name: {"$ref": "#/$defs/cell_layer"} for name in shipped() if name not in types}
    # A block or cell of the user's own is a layer type too: any other capitalised key may be one.
    return {
        "anyOf": [
            {"type": "string", "examples": list(types)},
            {"type": "object", "properties": {**beside, **types}, "patternProperties": {"^[A-Z]": {}},
             "additionalProperties": False},
        ]
    }  # fmt: skip


def component_schema(cls: type[Component]) -> dict[str, Any]:
    """The JSON Schema of a component's fields: an object, each default filled in."""
    properties: dict[str, Any] = {}
    generated = cls.model_json_schema()
    definitions = generated.get("$defs", {})
    for name, info in cls.model_fields.items():
        marks = [mark for mark in info.metadata if isinstance(mark, Choice | Choices)]
        section = section_of(info)
        if name == cls.chooses:
            chosen = choice_of(cls, name).catalogue
            properties |= {kind: _fields(chosen[kind]) for kind in chosen}
            continue
        if marks and isinstance(marks[0], Choice):
            properties[name] = _one_of(marks[0].catalogue)
        elif marks:
            properties[name] = {"type": "array", "items": _one_of(marks[0].catalogue)}
        elif section is not None:
            properties[name] = component_schema(section) if section.main is None else _fields(section)
        else:
            field = _inlined(generated["properties"][name], definitions)
            field.pop("title", None)
            properties[name] = {"anyOf": [field, _EXPRESSION]}
        if not info.is_required() and isinstance(info.default, bool | int | float | str):
            properties[name]["default"] = info.default
    return {
        "type": "object",
        "description": cls.manual().split("\n\n")[0].replace("\n", " "),
        "properties": properties,
        "required": [
            name for name, info in cls.model_fields.items() if info.is_required() and name != cls.chooses
        ],
        "additionalProperties": False,
    }


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    """The schema with each reference replaced by what it refers to."""
    if isinstance(node, dict):
        if "$ref" in node:
            return _inlined(definitions[node["$ref"].rpartition("/")[2]], definitions)
        return {key: _inlined(value, definitions) for key, value in node.items()}
    if isinstance(node, list):
        return [_inlined(value, definitions) for value in node]
    return node


def _fields(cls: type[Component]) -> dict[str, Any]:
    """What may stand behind a component's name: its fields, its short form, or nothing."""
    whole = component_schema(cls)
    forms: list[dict[str, Any]] = [whole, _EXPRESSION]
    if not whole["required"]:
        forms.append({"type": "null"})
    if cls.main is not None and cls.main == cls.chooses:
        forms.append(_one_of(choice_of(cls, cls.main).catalogue))
    elif cls.main is not None:
        forms.append(whole["properties"][cls.main])
    return {"description": whole["description"], "anyOf": forms}


def _one_of(catalogue: Catalogue[Any]) -> dict[str, Any]:
    """A choice: a bare name, or one name with its fields."""
    return {
        "anyOf": [
            {"type": "string", "enum": ["???", *catalogue]},
            {
                "type": "object",
                "properties": {name: _fields(catalogue[name]) for name in catalogue},
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": False,
            },
        ]
    }
