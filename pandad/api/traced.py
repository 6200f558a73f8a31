"""What log lines and SQL are told of the request that they are for (see tracing.Traced); worked out when somebody asks."""

from __future__ import annotations

from typing import Any

from twisted.web.server import Request

from pandad import tracing
from pandad.spec.caller import ANONYMOUS


class TracedRequest(Request):
    """A request with an id.

    ``caller``: once that is known. ``asked``: what was decoded, once it was.
    """

    caller = ANONYMOUS
    asked: Any = None
    _id: str | None = None

    @property
    def request_id(self) -> str:
        """The client's own, if it gave one that can stand anywhere; else one of ours."""
        if self._id is None:
            self._id = tracing.sane(self.getHeader(b"x-request-id")) or tracing.new_id()
        return self._id

    @property
    def subject(self) -> str | None:
        """Who calls."""
        return self.caller.identity.subject if self.caller.identity is not None else None

    @property
    def panda_id(self) -> int | None:
        """The job that this call is about."""
        names = (getattr(self.asked, name, None) for name in ("job_id", "panda_id", "jobId"))
        return next((found for found in names if isinstance(found, int)), None)
