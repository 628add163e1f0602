"""The memory of a network, bounded before anything is allocated."""

from __future__ import annotations

from dataclasses import dataclass

from builder.errors import Place, Report
from builder.shapes import BYTES_PER_VALUE, Inferred, count


@dataclass(eq=False)
class Budget:
    """Sums of parameters, and of activations at batch 1, in float32; each sum may take ``limit_bytes``."""

    limit_bytes: int
    parameter_bytes: int = 0
    activation_bytes: int = 0

    def take(self, inferred: Inferred, place: Place, report: Report, *, shared: bool) -> bool:
        """Adds a layer; whether it stays within the limit. The first layer that does not is reported."""
        values = 0 if shared else sum(count(shape) for shape in inferred.parameters.values())
        before = max(self.parameter_bytes, self.activation_bytes)
        self.parameter_bytes += values * BYTES_PER_VALUE
        self.activation_bytes += inferred.output.size * BYTES_PER_VALUE
        after = max(self.parameter_bytes, self.activation_bytes)
        if after > self.limit_bytes >= before:
            parameters = self.parameter_bytes > self.limit_bytes
            summed = "the parameters" if parameters else "the activations of one example"
            alone = values if parameters else inferred.output.size
            report.error(
                place,
                f"{summed} up to here take {binary(after)}, and {binary(self.limit_bytes)} are allowed",
                f"This layer alone has {alone:,} values.",
            )
        return after <= self.limit_bytes


def binary(size: int) -> str:
    """Bytes in the largest unit that fits, with one decimal.

    >>> binary(4 << 30), binary(1536)
    ('4 GiB', '1.5 KiB')
    """
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1024 or unit == "PiB":
            return f"{value:,.1f}".removesuffix(".0") + f" {unit}"
        value /= 1024
    raise AssertionError("unreachable")
