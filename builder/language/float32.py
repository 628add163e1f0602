"""Numbers in float32, as a network computes with them. Without torch and NumPy."""

from __future__ import annotations

import math
import struct


def rounded(number: float) -> float:
    """The nearest number of float32. Raises ``OverflowError`` beyond ±3.4e38.

    >>> rounded(1e-60)
    0.0
    """
    if math.isinf(number):
        raise OverflowError
    (found,) = struct.unpack("<f", struct.pack("<f", number))
    return float(found)
