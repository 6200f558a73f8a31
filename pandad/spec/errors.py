"""The ways pandad says no. Each error carries data and builds its own sentence; api/errors.py turns them into replies."""

from __future__ import annotations


class PandadError(Exception):
    """Base of all deliberate refusals; str() is safe to show to a client."""


class BadRequest(PandadError):
    """The request cannot be understood.

    :param key: the offending key, in the caller's own spelling.
    :param problem: what is wrong with it, and what to send instead.
    """

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key, self.problem = key, problem


class NotAuthenticated(PandadError):
    """The call needs an identity and none came with it."""


class Forbidden(PandadError):
    """The caller is known and may not do this; the text says which rule failed."""


class NotFound(PandadError):
    """There is no such thing."""

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"there is no {kind} {name}")
        self.kind, self.name = kind, name


class Conflict(PandadError):
    """The thing exists, but its state does not allow this."""


class Unavailable(PandadError):
    """Nothing was stored; the same call may succeed later. Always answered in a way that the caller retries."""


class StoreUnavailable(Unavailable):
    """The database could not be reached, or did not answer, within the deadline."""


class StoreBusy(Unavailable):
    """Too many calls are waiting for the database already."""
