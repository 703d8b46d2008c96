"""Why a request is not answered with predictions: a status of HTTP, a sentence, and when to come again."""

from __future__ import annotations

from http import HTTPStatus


class Refused(Exception):
    """Raised wherever a request cannot go on.

    Parameters
    ----------
    status : of HTTP. detail : what was found and what to do. cause : one word for counting. after : seconds until
        another try makes sense, 0 where it never does. who : the name of the key that asked, once it is known.
    """

    def __init__(self, status: int, detail: str, cause: str = "request", after: float = 0.0) -> None:
        super().__init__(detail)
        self.status, self.detail, self.cause, self.after = status, detail, cause, after
        self.who = ""


def title(status: int) -> str:
    """The usual words for a status."""
    return HTTPStatus(status).phrase
