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

    parsed = pd.Series(pd.to_datetime(column, utc=True)) if column.dtype.kind == "M" else _dates(texts(column))
    return np.array((parsed - pd.Timestamp(0, tz="UTC")).dt.total_seconds(), dtype=float)


def _dates(written: np.ndarray) -> pd.Series:
    import pandas as pd

    codes, words = pd.factorize(written)
    day_first = any(re.match(r"^(1[3-9]|2\d|3[01])[./-]\d{1,2}[./-]\d{4}", word) for word in words)
    plain = [f"{word}-01-01" if re.fullmatch(r"[12]\d{3}(\.0)?", word) else word for word in words]
    plain = [word.replace(".0-01-01", "-01-01") for word in plain]
    numbers = pd.to_numeric(pd.Series(plain, dtype=object), errors="coerce")
    epoch = pd.to_datetime(numbers.where(numbers.abs() < 1e11), unit="s", utc=True, errors="coerce")
    dated = pd.Series(plain, dtype=object)
    iso = dated.str.match(r"^\d{4}")  # read apart: with dayfirst pandas takes 1970-01-02 for the first of February
    dates = _parsed(dated.where(iso & numbers.isna(), None), day_first=False)
    dates = dates.fillna(_parsed(dated.where(~iso & numbers.isna(), None), day_first=day_first))
    return dates.fillna(epoch).take(codes).reset_index(drop=True)


def _parsed(written: pd.Series, *, day_first: bool) -> pd.Series:
    import pandas as pd

    return pd.to_datetime(written, format="mixed", dayfirst=day_first, utc=True, errors="coerce")
