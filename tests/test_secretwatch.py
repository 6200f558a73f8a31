"""The watch over secrets in the log can find them."""

from __future__ import annotations

import secretwatch
from secretwatch import MARK
from twisted.logger import Logger

from pandad.embedded.pki import SandboxPki

log = Logger()


def found() -> list[str]:
    """By now; and they are forgotten."""
    lines, secretwatch.findings[:] = list(secretwatch.findings), []
    return lines


def test_it_is_found(pki: SandboxPki) -> None:
    """In a line of any level, in a value, in an error's text, and a line of a private key."""
    key = pki.host_key.read_text().splitlines()[2]
    log.debug("the token is {token}", token=f"x{MARK}x")
    assert len(found()) == 1
    try:
        raise ValueError(f"wrong password: {MARK}")
    except ValueError:
        log.failure("it failed")
    assert len(found()) == 1
    log.info(f"read {key}")
    assert len(found()) == 1


def test_what_is_let_through(pki: SandboxPki) -> None:
    """Certificates, and values that are not written."""
    log.info(pki.host_certificate.read_text().replace("{", ""))
    log.info("nothing", token=MARK)
    assert found() == []
