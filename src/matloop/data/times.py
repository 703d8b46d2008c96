"""Columns of dates as seconds, however they are written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray
from matloop.data.words import texts

if TYPE_CHECKING:
    import pandas as pd


def seconds_of(column: NDArray) -> FloatArray:
    """Seconds since 1970 of a column of dates, shape (n_rows,); four-digit whole numbers are years, other numbers are
    seconds. What cannot be read is NaN."""
    import pandas as pd

    if column.dtype.kind == "M":
        return _seconds(pd.Series(pd.to_datetime(column, utc=True)))
    return _written(texts(column))


def _written(written: np.ndarray) -> FloatArray:
    import pandas as pd

    codes, words = pd.factorize(written)
    day_first = any(re.match(r"^(1[3-9]|2\d|3[01])[./-]\d{1,2}[./-]\d{4}", word) for word in words)
    plain = [f"{word}-01-01" if re.fullmatch(r"[12]\d{3}(\.0)?", word) else word for word in words]
    plain = [word.replace(".0-01-01", "-01-01") for word in plain]
    numbers = pd.to_numeric(pd.Series(plain, dtype=object), errors="coerce")
    dated = pd.Series(plain, dtype=object)
    iso = dated.str.match(r"^\d{4}")  # read apart: with dayfirst pandas takes 1970-01-02 for the first of February
    found = np.array(numbers.where(numbers.abs() < 1e11), dtype=float)
    for rows, first in ((iso, False), (~iso, day_first)):
        dates = _seconds(_parsed(dated.where(rows & numbers.isna(), None), day_first=first))
        found = np.where(np.isfinite(dates), dates, found)
    return np.asarray(found[codes], dtype=float)


def _seconds(dates: pd.Series) -> FloatArray:
    """In microseconds first: nanoseconds end in the year 2262, and 9999-12-31 is a common word for "never"."""
    import pandas as pd

    since = dates.dt.as_unit("us") - pd.Timestamp(0, tz="UTC").as_unit("us")
    return np.array(since.dt.total_seconds(), dtype=float)


def _parsed(written: pd.Series, *, day_first: bool) -> pd.Series:
    import pandas as pd

    return pd.to_datetime(written, format="mixed", dayfirst=day_first, utc=True, errors="coerce")
