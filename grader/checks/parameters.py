"""parameters: how large the network is, in weights or in multiply-adds."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.errors import Cause
from builder.fields import Natural
from builder.language.nodes import describe
from builder.shapes import count
from grader.check import Brief, Check, Subject
from grader.exchange import Findings
from grader.outcome import Failed, Outcome, Passed
from grader.outline import Outline


@final
class parameters(Check):
    """Your network has no more, and no fewer, parameters than it may.

    At least `min`, at most `max`, exactly `equal`: a number, or `true` for as many as the reference has.
    `of: multiply_adds` counts the multiply-adds of one example instead. `gradspec shapes` shows both.
    """

    takes_networks: ClassVar[bool] = True

    accepts = (
        Accepted("{max: 62000}"),
        Accepted("{min: 1000, max: 62000}"),
        Accepted("{equal: true}"),
        Accepted("{equal: 61706}"),
        Accepted("{max: 500000, of: multiply_adds}"),
    )
    rejects = (
        Rejected("", "`parameters` needs a bound: `min`, `max` or `equal`"),
        Rejected("{min: 5, max: 4}", "`min` is 5 and `max` is 4: no network has that"),
        Rejected("{equal: 5, max: 9}", "`equal` stands alone, without `min` and `max`"),
        Rejected("{equal: false}", "expected true or a whole number of at least 0, found false"),
        Rejected('{max: "62,000"}', 'expected a whole number of at least 0, found the text "62,000"'),
        Rejected("{max: 1, of: layers}", 'expected `parameters` or `multiply_adds`, found the text "layers"'),
    )

    min: Natural | None = None
    max: Natural | None = None
    equal: Any = None
    of: Literal["parameters", "multiply_adds"] = "parameters"

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.equal is not None:
            number = isinstance(self.equal, int) and self.equal >= 0
            if self.equal is False or not number:
                raise Cause(
                    f"expected true or a whole number of at least 0, found {describe(self.equal)}",
                    "`true` means: as the reference.",
                    field="equal",
                )
            if self.min is not None or self.max is not None:
                raise Cause("`equal` stands alone, without `min` and `max`", field="equal")
        elif self.min is None and self.max is None:
            raise Cause("`parameters` needs a bound: `min`, `max` or `equal`", "As in `{max: 62000}`.")
        elif self.min is not None and self.max is not None and self.min > self.max:
            raise Cause(f"`min` is {self.min} and `max` is {self.max}: no network has that", field="max")
        return self

    @property
    def needs_reference(self) -> bool:
        """Only for `equal: true`, which means as many as the reference has."""
        return self.equal is True

    def judge(self, brief: Brief, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """All or nothing; the hint for a network with too many names the layer that has most of them."""
        value = self._count(subject.network)
        least, most, wanted = self._wanted(brief)
        if (least is None or value >= least) and (most is None or value <= most):
            return Passed(f"{value:,} {self._what}")
        many = most is not None and value > most
        return Failed(
            wanted,
            f"{value:,}",
            self._where(subject.network) if many else None,
            direction=f"too {'many' if many else 'few'} {self._what}",
        )

    @property
    def _what(self) -> str:
        return self.of.replace("_", "-")

    def _count(self, outline: Outline) -> int:
        return outline.parameters if self.of == "parameters" else outline.multiply_adds

    def _wanted(self, brief: Brief) -> tuple[int | None, int | None, str]:
        """The bounds, and how they are said."""
        if self.equal is not None:
            exact = self._count(brief.required) if self.equal is True else int(self.equal)
            return exact, exact, f"{exact:,} {self._what}"
        if self.min is None:
            return None, self.max, f"{self.max:,} {self._what} at most"
        if self.max is None:
            return self.min, None, f"{self.min:,} {self._what} at least"
        return self.min, self.max, f"{self.min:,} to {self.max:,} {self._what}"

    def _where(self, network: Outline) -> str | None:
        """The layer that has most of them."""
        shares = {
            layer.name: layer.multiply_adds
            if self.of == "multiply_adds"
            else sum(count(shape) for shape in layer.parameters.values())
            for layer in network.layers
        }
        if not any(shares.values()):
            return None
        name = max(shares, key=shares.__getitem__)
        return f"Most of them are in `{name}`: {shares[name]:,}."
