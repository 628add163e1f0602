"""The command `layers`: the types that a spec can name, and their manual pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.options import AsJson
from cli.view import render
from cli.view.equations import equation_lines

if TYPE_CHECKING:
    from builder.component import Catalogue, Component

ORDER: Final = 150

# Each kind and where its catalogue is.
KINDS: Final = {
    "layers": ("builder.layers.layer", "layers"),
    "losses": ("builder.training.losses.loss", "losses"),
    "optimizers": ("builder.training.optimizers.optimizer", "optimizers"),
    "schedulers": ("builder.training.schedulers.scheduler", "schedulers"),
    "metrics": ("builder.training.metrics.metric", "metrics"),
    "initializers": ("builder.training.initializers.initializer", "initializers"),
    "datasets": ("builder.data.datasets.dataset", "datasets"),
    "transforms": ("builder.data.transforms.transform", "transforms"),
    "objectives": ("builder.games.objectives.objective", "objectives"),
    "penalties": ("builder.games.penalties.penalty", "penalties"),
    "measures": ("builder.games.measures.measure", "measures"),
    "attacks": ("builder.robustness.attacks.attack", "attacks"),
    "disturbances": ("builder.robustness.disturbances.disturbance", "disturbances"),
    "attributions": ("builder.attributions.attribution", "attributions"),
    "checks": ("grader.check", "checks"),
}

# The sizes that follow from what arrives.
INFERRED: Final = frozenset({"in_channels", "in_features", "input_size", "num_features", "num_embeddings"})

SIMPLE: Final = {
    "integer": "a whole number",
    "number": "a real number",
    "boolean": "true or false",
    "string": "a text",
}
BOUNDS: Final = {
    "minimum": "of at least",
    "exclusiveMinimum": "above",
    "maximum": "up to",
    "exclusiveMaximum": "below",
}


def layers(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A type, as in `Conv2d`.")] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help=f"One of: {', '.join(KINDS)}.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the layer types there are, or show the manual page of one.

    A page has the mathematics, every field with its default, and examples that are also tests. With `--kind`
    the same for losses, optimizers, a GAN's objectives, attacks and the other things that a spec names. A name
    that no layer has is looked for among them all. Torch is never loaded.

    \b
        gradspec layers
        gradspec layers Conv2d
        gradspec layers --kind optimizers
        gradspec layers Hinge
    """
    if kind is not None and kind not in KINDS:
        raise typer.BadParameter(f"there is no kind {kind!r}; there are {', '.join(KINDS)}")
    kind = kind or _kind_of(name)
    catalogue = _catalogue(kind)
    if name is not None:
        component = _cell_type(name) if kind == "layers" and name not in catalogue else None
        component = component or catalogue.get(name)
        if as_json:
            render.show_json(_data(component))
        else:
            render.show(page(component))
        return
    if as_json:
        render.show_json({"errors": [], "advice": [], kind: [_data(catalogue[known]) for known in catalogue]})
        return
    rows = [
        (known, _manual(catalogue[known]).split("\n")[0].split(". ")[0].rstrip("."))
        for known in sorted(catalogue)
    ]
    render.show(render.table((kind, ""), rows))
    if kind == "layers":
        from builder.cells.shipped import shipped

        render.show([(), *render.wrapped(f"Recurrent cells of the library: {' '.join(shipped())}")])
    render.show([(), (("hint", f"`gradspec layers{_flag(kind)} {rows[0][0]}` shows one with its fields."),)])


def page(component: type[Component]) -> list[render.Line]:
    """A component's manual page: what it is, its fields, and examples that are right."""
    shown: list[render.Line] = [(("title", component.__name__),), ()]
    for paragraph in _manual(component).replace("\nSource:", "\n\nSource:").split("\n\n"):
        lines = paragraph.split("\n")
        fits = max(map(render.columns, lines)) <= render.width() - 2
        shown += render.wrapped(paragraph if fits else " ".join(lines), "  ")
        shown.append(())
    if equations := _equations(component):
        shown += [*(line for equation in equations for line in equation_lines(equation)), ()]
    rows = [(name, _default(component, name), _takes(component, name)) for name in component.model_fields]
    if rows:
        shown += [*render.table(("  field", "default", "takes"), [(f"  {a}", b, c) for a, b, c in rows])]
    if component.main:
        shown += [(), (("", f"  Short form: `{component.__name__}: …` fills `{component.main}`."),)]
    examples = [example.text for example in component.accepts]
    if examples:
        shown += [(), (("title", "  examples"),)]
        shown += [(("", f"  - {component.__name__}" + (f": {text}" if text else "")),) for text in examples]
    return shown


def _catalogue(kind: str) -> Catalogue[Component]:
    from importlib import import_module

    module, attribute = KINDS[kind]
    found: Catalogue[Component] = getattr(import_module(module), attribute)
    return found


def _kind_of(name: str | None) -> str:
    """The first kind that has something of this name; layers, where none has."""
    if name is None:
        return "layers"
    return next((kind for kind in KINDS if name in _catalogue(kind)), "layers")


def _cell_type(name: str) -> type[Component] | None:
    """A cell of the shipped library as a layer type, its page saying its paper."""
    from builder.cells.shipped import shipped_cell

    cell = shipped_cell(name)
    if cell is None:
        return None
    from builder.cells.layer import cell_layer
    from builder.cells.shipped import note

    found = cell_layer(cell)
    found.__doc__ = "\n\n".join(filter(None, [note(name), found.__doc__]))
    return found


def _equations(component: type[Component]) -> tuple[str, ...]:
    """The equations of a recurrent cell; empty for every other component."""
    cell = getattr(component, "cell", None)
    if cell is None:
        return ()
    from builder.cells.shown.typeset import typeset

    return typeset(cell)


def _manual(component: type[Component]) -> str:
    """The manual page as a terminal shows it."""
    return component.manual().replace("``", "`")


def _flag(kind: str) -> str:
    return "" if kind == "layers" else f" --kind {kind}"


def _default(component: type[Component], name: str) -> str:
    from builder.component import to_plain

    info = component.model_fields[name]
    if info.is_required():
        return "needed"
    value = to_plain(info.get_default(call_default_factory=True))
    return "inferred" if value is None and name in INFERRED else _yaml(value)


def _yaml(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        inner = ", ".join(f"{key}: {_yaml(item)}" if item != {} else str(key) for key, item in value.items())
        return inner if inner in value else f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    return str(value)


def _takes(component: type[Component], name: str) -> str:
    """What a field takes, in words, from its JSON Schema."""
    from builder.component import Choice, Choices

    info = component.model_fields[name]
    for mark in info.metadata:
        if isinstance(mark, Choice):
            return f"a {mark.catalogue.kind}"
        if isinstance(mark, Choices):
            return f"a list, each a {mark.catalogue.kind}"
    return words(component.model_json_schema()["properties"][name])


def words(schema: dict[str, Any]) -> str:
    """A field's JSON Schema as a person would say it.

    >>> words({"type": "integer", "minimum": 1})
    'a whole number of at least 1'
    """
    if "anyOf" in schema:
        return _either([part for part in schema["anyOf"] if part.get("type") != "null"])
    if fixed := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return _or([f"`{_yaml(value)}`" for value in fixed])
    if schema.get("type") == "array":
        length = schema.get("minItems") if schema.get("minItems") == schema.get("maxItems") else None
        return f"a list of {length or 'several'}, each {words(schema.get('items', {}))}"
    name = SIMPLE.get(schema.get("type", ""), "as it says above")
    bounds = " and ".join(f"{text} {_yaml(schema[key])}" for key, text in BOUNDS.items() if key in schema)
    return f"{name} {bounds}".rstrip()


def _either(parts: list[dict[str, Any]]) -> str:
    """One of several: a number and the same number twice, or whatever else."""
    fixed = [part for part in parts if "enum" in part or "const" in part]
    rest = [
        part for part in parts if part not in fixed and part.get("type") != "string"
    ]  # a fraction, as text
    if len(rest) == 2 and rest[1].get("items") == rest[0] and rest[1].get("maxItems") == 2:
        return _or([words(rest[0]), "two of them", *map(words, fixed)])
    return _or([words(part) for part in [*rest, *fixed] or parts])


def _or(choices: list[str]) -> str:
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"


def _data(component: type[Component]) -> dict[str, Any]:
    return {
        "name": component.__name__,
        "manual": _manual(component),
        **({"equations": list(equations)} if (equations := _equations(component)) else {}),
        "fields": {
            name: {"default": _default(component, name), "takes": _takes(component, name)}
            for name in component.model_fields
        },
        "examples": [example.text for example in component.accepts],
    }
