"""The command `schema`: the JSON Schema of a model spec."""

from __future__ import annotations

from typing import Final

from cli.view import render

ORDER: Final = 160


def schema() -> None:
    """Print the JSON Schema of a model spec, for editors.

    With the YAML extension of VS Code, save it and put this line at the top of a spec; the editor then
    completes names and underlines mistakes while you type.

    \b
        gradspec schema > gradspec.schema.json
        # yaml-language-server: $schema=gradspec.schema.json
    """
    from builder.schema import schema as model_schema

    render.show_json(model_schema())
