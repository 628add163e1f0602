"""JSON: everything that is known of a class, for the lecturer and for programs."""

from __future__ import annotations

import json
from typing import final

from builder.component import Accepted
from grader.results.formats.output_format import Files, OutputFormat
from grader.results.result import ClassResult


@final
class JSON(OutputFormat):
    """`results.json`: every outcome with what was expected and found; nothing is held back."""

    accepts = (Accepted(""),)

    def class_files(self, result: ClassResult) -> Files:
        """``results.json``."""
        return {"results.json": json.dumps(result.to_json(), indent=2, ensure_ascii=False) + "\n"}
