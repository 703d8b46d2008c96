"""Text cells that a spreadsheet would run as a formula: disarmed when written, and exactly restored when read."""

from __future__ import annotations

import re

MARK = "'"
"""Stands before a text that was disarmed, and before every text that begins with it: so that one can be taken away."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_STARTS = "=+-@\t\r\n＝＋－＠|"


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may run a text: it begins with one of = + - @ (also full width), a tab, a line break or a
    bar, perhaps behind spaces or quotation marks, and is no plain number.

    OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection

    Examples
    --------
    >>> [is_formula(text) for text in ("=1+1", "@SUM(A1)", "-3.5", "-3.5+cmd", "Fe-O", "")]
    [True, True, False, True, False, False]
    """
    start = text.lstrip(' "\u00a0\ufeff')
    return start[:1] != "" and (start[0] in _STARTS) and _NUMBER.fullmatch(text) is None


def disarmed(text: str) -> str:
    """A text cell as it may stand in a file that a spreadsheet opens; numbers are for others to write.

    Examples
    --------
    >>> disarmed("=HYPERLINK(1)"), disarmed("-3.5"), disarmed("'quoted'")
    ("'=HYPERLINK(1)", '-3.5', "''quoted'")
    """
    return MARK + text if text.startswith(MARK) or is_formula(text) else text


def restored(text: str) -> str:
    """What `disarmed` was given: one mark less where a mark stands first.

    Examples
    --------
    >>> restored("'=HYPERLINK(1)"), restored("''quoted'"), restored("-3.5")
    ('=HYPERLINK(1)', "'quoted'", '-3.5')
    """
    return text[1:] if text.startswith(MARK) else text
