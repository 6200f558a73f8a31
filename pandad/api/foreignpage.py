"""Calls that somebody else's page has a browser send, with the certificate of the person before it (CSRF). Browsers say whose
page it is in `Sec-Fetch-Site`, older ones in `Origin`, and no page can change that. Programs send neither."""

from __future__ import annotations

from typing import Any

from pandad.spec.errors import Forbidden

_OWN = frozenset({b"same-origin", b"none"})  # none: a person's own doing, as an address that was typed


class ForeignPage(Forbidden):
    """The page of another server sent this."""

    def __init__(self, page: bytes) -> None:
        super().__init__(f"a page of another server ({ascii(page)[2:-1]}) had your browser send this; such a call is taken from "
                         "programs, and from pages of this server")


def check_page(request: Any) -> None:
    """Return if the request comes from no page, or from one of this server, called by TLS.

    :raise ForeignPage: it does not.
    """
    site, origin = request.getHeader(b"sec-fetch-site"), request.getHeader(b"origin")
    if site is None and origin is None:
        return
    if site not in _OWN if site is not None else origin.lower() != b"https://" + (request.getHeader(b"host") or b"").lower():
        raise ForeignPage(origin or site)
