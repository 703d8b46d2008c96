"""Why a request cannot be answered, with the status that the OPTIMADE standard has for it."""

from __future__ import annotations

from matloop.core.errors import ConfigError


class Refused(ConfigError):
    """A request that is not answered: `status` and `title` of HTTP."""

    status = 400
    title = "Bad Request"


class BadRequest(Refused):
    """It cannot be understood, or asks for what there is not."""


class Forbidden(Refused):
    """More at once than is given."""

    status = 403
    title = "Forbidden"


class NotThere(Refused):
    """There is no such entry or address."""

    status = 404
    title = "Not Found"


class NotOffered(Refused):
    """It is right by the standard, which lets a database not offer it."""

    status = 501
    title = "Not Implemented"


class OtherVersion(Refused):
    """A version of the standard that is not spoken here."""

    status = 553
    title = "Version Not Supported"


class TooSlow(Refused):
    """The database needed too long."""

    status = 504
    title = "Gateway Timeout"
