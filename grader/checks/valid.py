"""valid: the model is a spec without errors, and uses only what the assignment allows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar, Final, final

from builder.component import Accepted, Rejected
from builder.errors import SpecErrors, did_you_mean
from builder.language.nodes import Mapping, Node, Scalar
from grader.check import Brief, Check, Subject
from grader.exchange import Allow, Findings, Task
from grader.outcome import Failed, Outcome, Passed, Refusal
from grader.outline import Outline
from grader.submission.limits import MOST_EQUATIONS
from grader.submission.submission import Submission, without

SHOWN: Final = 20
_NUMBER: Final = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


@final
class valid(Check):
    """The model has no error, no place left to fill, and only what the assignment allows.

    Errors are shown as `gradspec validate` shows them. Every other check on the model waits for this one, so
    it runs even where an assignment does not list it; then it is worth nothing by itself.
    """

    takes_networks: ClassVar[bool] = True

    accepts: ClassVar[tuple[Accepted, ...]] = (Accepted(""),)
    rejects: ClassVar[tuple[Rejected, ...]] = (
        Rejected("{strict: true}", "`valid` has no field `strict`"),
        Rejected("5", "`valid` takes no fields, found 5"),
    )

    def prepare(self, brief: Brief, subject: Subject) -> Task | Outcome | None:
        """An empty task: the worker reads the model file and needs nothing else."""
        return Task()

    def work(self, task: Task, submission: Submission) -> Findings:
        """``errors``, the lines of ``holes`` and, of a complete model, its ``outline`` and ``numbers`` in its text.

        Raises ``Refusal`` for a cell of more than 64 equations.
        """
        try:
            spec = submission.spec
        except SpecErrors as errors:
            return Findings({"errors": [str(error) for error in errors.errors]})
        data: dict[str, object] = {"errors": [], "holes": [place.line for place in spec.holes]}
        for cell in spec.cells.values():
            if len(cell.equations) > MOST_EQUATIONS:
                raise Refusal(
                    f"at most {MOST_EQUATIONS} equations in a cell (the limit of what is compared)",
                    f"{len(cell.equations):,} in `{cell.name}`",
                )
        if not spec.holes:
            data["outline"] = Outline.of(spec.graph, spec).to_json()
            data["numbers"] = sum(_numbers(without(submission.document, "data", "train", "expect").root))
        return Findings(data)

    def judge(self, brief: Brief, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """Errors first, then holes, then layer types and numbers that are not allowed; all or nothing."""
        errors, holes = found.data["errors"], found.data.get("holes", [])
        if errors:
            count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
            more = [f"… and {len(errors) - SHOWN} more"] if len(errors) > SHOWN else []
            return Failed(
                "a model without errors",
                "\n".join([f"{count}:", *errors[:SHOWN], *more]),
                "`gradspec validate` shows them, each with its line.",
            )
        if holes:
            numbers = list(dict.fromkeys(holes))
            lines = f"line{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:SHOWN]))}"
            places = f"{len(holes)} place{'s' if len(holes) > 1 else ''}"
            return Failed("a model without `???`", f"{places} to fill: {lines}")
        return _forbidden(brief.allow, subject.network, int(found.data["numbers"])) or Passed()


def outline_of(found: Findings) -> Outline | None:
    """The outline that came with the findings, if the model could be read."""
    data = found.data.get("outline")
    return None if data is None else Outline.from_json(data)


def _forbidden(allow: Allow, network: Outline, numbers: int) -> Failed | None:
    if allow.layers is not None:
        used = Counter(layer.type for layer in network.layers if not layer.own)
        strange = {name: count for name, count in used.items() if name not in allow.layers}
        if strange:
            listed = ", ".join(f"{count} × `{name}`" for name, count in strange.items())
            return Failed(
                f"only the layer types {', '.join(f'`{name}`' for name in allow.layers)}",
                listed,
                did_you_mean(next(iter(strange)), allow.layers),
                direction="a layer type that is not allowed here",
            )
    if allow.literal_numbers is not None and numbers > allow.literal_numbers:
        return Failed(
            f"at most {allow.literal_numbers} numbers in the text of the model",
            str(numbers),
            "A network is described, not listed: use `repeat`, blocks and `$…`.",
            direction="too many numbers in the text of the model",
        )
    return None


def _numbers(node: Node) -> Iterator[int]:
    """How many numbers each value holds; aliases count for what they expand to."""
    if isinstance(node, Scalar):
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            yield 1
        elif isinstance(node.value, str) and (node.is_expression or not node.quoted):
            yield len(_NUMBER.findall(node.value))
        return
    for child in node.entries.values() if isinstance(node, Mapping) else node.items:
        yield from _numbers(child)
