"""TimeSeries: a column of a table that is written in time's order, and is to be forecast."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, final

from pydantic import model_validator

from builder.component import Accepted, Rejected
from builder.data.datasets.dataset import Dataset
from builder.data.info import DataInfo, Examples, Target
from builder.errors import Cause, DataError
from builder.fields import Count, Text
from builder.files.data import number, one_of_two, read_data, read_table
from builder.language.float32 import rounded
from builder.shapes import TensorType

if TYPE_CHECKING:
    from numpy.typing import NDArray


@final
class TimeSeries(Dataset):
    """Windows of a series: ``window`` values are seen, and the ``horizon`` values after them are the target.

    x is N×window×1, y N×horizon, in the units of the table; ``preprocess`` changes both alike, and metrics
    and ``predict`` are in the table's units again. ``path`` is a CSV with a header, one row per moment, in
    time's order; ``shipped`` one that comes along: ``sunspots`` (a yearly number, 1700 to 2008) or ``stocks``
    (monthly prices of AAPL, AMZN, IBM and MSFT, 2000 to 2010). ``column`` is the series, the last column if
    absent. Training comes first in time, the test last; no window of a part holds a value that another
    part's windows hold. Beside each metric stands that of the naive forecast, the last value seen.
    """

    accepts = (
        Accepted("{shipped: sunspots, window: 11}"),
        Accepted("{shipped: stocks, column: IBM, window: 12, horizon: 3}"),
        Accepted("{path: prices.csv, column: close, window: 30}"),
    )
    rejects = (
        Rejected("{shipped: sunspots}", "`TimeSeries` needs `window`"),
        Rejected("{window: 5}", "expected `path` or `shipped`, found neither"),
        Rejected("{shipped: rain, window: 5}", 'expected `sunspots` or `stocks`, found the text "rain"'),
        Rejected("{path: a.csv, window: 0}", "expected a whole number of at least 1, found 0"),
    )

    path: Text | None = None
    shipped: Literal["sunspots", "stocks"] | None = None
    column: Text | None = None
    window: Count
    horizon: Count = 1

    @model_validator(mode="after")
    def _has_one_file(self) -> Self:
        one_of_two(self.path, self.shipped, "sunspots")
        return self

    def describe(self, folder: Path) -> DataInfo:
        """Reads the column. Windows overlap, so later parts leave out window + horizon − 1 examples."""
        return self._describe(len(self._series(folder)))

    def load(self, folder: Path) -> Examples:
        """All windows in time's order: x N×window×1, y N×horizon, in the table's units."""
        import numpy as np

        try:
            series = self._series(folder)
            self._describe(len(series))
        except Cause as cause:
            raise DataError(cause.problem, cause.hint) from None
        whole = self.window + self.horizon
        windows = np.lib.stride_tricks.sliding_window_view(series, whole)
        x, y = windows[:, : self.window, None], windows[:, self.window :]
        return Examples(np.ascontiguousarray(x), np.ascontiguousarray(y))

    def _describe(self, values: int) -> DataInfo:
        whole = self.window + self.horizon
        if values < whole:
            problem = f"the series has {values} values, and a window and its target need {whole}"
            raise Cause(problem, field="window")
        return DataInfo(
            TensorType((self.window, 1)),
            Target(shape=(self.horizon,), forecast=True),
            values - whole + 1,
            range=None,
            ordered=True,
            overlap=whole - 1,
        )

    def _series(self, folder: Path) -> NDArray[Any]:
        """The column's values, float32. Raises ``Cause`` for what is no finite number."""
        import numpy as np

        shipped = None if self.shipped is None else f"{self.shipped}.csv"
        table = read_table(read_data(folder, self.path, shipped))
        name = self.column or table.names[-1]
        values = np.empty(len(table.rows), dtype=np.float32)
        for row, (line, text) in enumerate(zip(table.lines, table.column(name), strict=True)):
            value = number(text)
            found = f'"{text[:40]}"' if text.strip() else "nothing"
            if value is None:
                problem = f"row {line} of the column `{name}` holds {found}, which is no number"
                raise Cause(problem, "A series has a value at every moment.", field="column")
            try:
                values[row] = rounded(value)
            except OverflowError:
                problem = f"row {line} of the column `{name}` holds {found}, which is too large a number"
                raise Cause(problem, "Numbers are float32, of at most 3.4e38.", field="column") from None
        return values
