"""Calls that somebody else's page has a browser send, with the certificate of the person before it (CSRF). Browsers say whose
page it is in `Sec-Fetch-Site`, older ones in `Origin`, and no page can change that. Programs send neither, or, as PanDA's
clients and pilots with a token do, the name of a VO as `Origin`."""

from __future__ import annotations

from typing import Any

from pandad.spec.errors import Forbidden

_NO_SERVER = b"null"  # the Origin of a page that hides where it is from
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
    if site is not None:
        ours = site in _OWN
    else:
        is_page = origin is not None and (b"://" in origin or origin == _NO_SERVER)
        ours = not is_page or origin.lower() == b"https://" + (request.getHeader(b"host") or b"").lower()
    if not ours:
        raise ForeignPage(origin or site)
