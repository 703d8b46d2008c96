"""How entries are called: ids that can stand in any URL and filter, and names of properties."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from matloop.core.optional import require

if TYPE_CHECKING:
    import sqlalchemy as sa
else:
    sa = require("sqlalchemy", extra="store")

_UNSAFE = '~"#%&+/?\\\t\n\r'
_FOUND = re.compile(f"[{re.escape(_UNSAFE)}]")
_CODE = re.compile(r"~([0-9A-F]{2})")


def escaped(key: str) -> str:
    """A key as (part of) an id: what URLs and filters give a meaning is written as ~ and two hexadecimal digits.

    Examples
    --------
    >>> escaped("Fe2O3/run 7#b"), unescaped("Fe2O3~2Frun 7~23b")
    ('Fe2O3~2Frun 7~23b', 'Fe2O3/run 7#b')
    """
    found = _FOUND.sub(lambda sign: f"~{ord(sign[0]):02X}", key)
    return found.replace(".", "~2E") if found in (".", "..") else found


def unescaped(text: str) -> str:
    """The inverse of `escaped`."""
    return _CODE.sub(lambda code: chr(int(code[1], 16)), text)


def escaped_sql(key: Any) -> Any:
    """`escaped` as an expression of SQL."""
    found = key
    for sign in _UNSAFE:
        found = sa.func.replace(found, sign, f"~{ord(sign):02X}")
    return sa.case((key == ".", "~2E"), (key == "..", "~2E~2E"), else_=found)


def needs_escape(connection: Any, column: Any, *where: Any) -> bool:
    """Whether any of the keys in `column` is written differently as an id."""
    if connection.dialect.name == "sqlite":
        # in GLOB a bracket within brackets means itself; the backslash too
        strange = column.op("GLOB")(f"*[{_UNSAFE}]*")
    else:
        strange = column.op("~")("[" + "".join(f"\\x{ord(sign):02x}" for sign in _UNSAFE) + "]")
    odd = sa.or_(strange, column.in_([".", ".."]))
    return connection.execute(sa.select(sa.literal(1)).where(odd, *where).limit(1)).first() is not None


def slug(text: str) -> str:
    """A name of a property as OPTIMADE allows it: small letters, digits and "_".

    Examples
    --------
    >>> slug("Band gap (HSE06)")
    'band_gap_hse06'
    """
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "value"
