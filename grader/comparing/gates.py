"""Which cell's gates must mean the same as which."""

from __future__ import annotations

from typing import ClassVar, final

from builder.component import Accepted, Component, Rejected
from builder.fields import Text


@final
class Gates(Component):
    """A cell of the submission, and the one it must be equal to.

    `cell` is its name, or a layer's that is made of it; where the submission has none of that name, any cell
    that its author wrote may be it. `equal_to` is a cell of the reference, or else of the shipped library, or
    else `LSTM`, `GRU` or `RNN` of torch; `nn.LSTM` is always torch's, so a student can check it at home.
    Absent, it is the reference's cell called as `cell`.
    """

    section_key: ClassVar[str | None] = "gates"
    main: ClassVar[str | None] = "cell"
    accepts = (Accepted("Memory"), Accepted("{cell: Memory, equal_to: nn.LSTM}"))
    rejects = (
        Rejected("{cell: 3}", "expected a text, found 3"),
        Rejected("{equal_to: LSTM}", "`gates` needs `cell`"),
    )

    cell: Text
    equal_to: Text | None = None

    @property
    def of_torch(self) -> bool:
        """Whether it is held against one of torch's own."""
        return (self.equal_to or "").startswith("nn.")
