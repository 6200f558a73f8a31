"""Whom pandad asks over the network: token issuers and Rucio. They are asked as the daemon asks them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pandad.api.tokens.discovery import FetchFailed, KeySource
from pandad.api.tokens.fetch import Fetcher
from pandad.dataservice.rucio.login import source_of
from pandad.dataservice.rucio.trust import CredentialUnusable
from pandad.dataservice.rucio.wire import NoAnswer, Wire
from pandad.doctor.finding import Finding, error, warning
from pandad.doctor.installation import Installation
from pandad.doctor.issuers import accepted

ISSUER_PAGE, RUCIO_PAGE = "how-to/runbooks.md#pandadissueraway", "how-to/runbooks.md#pandadrucioaway"
AWAY = warning(
    "issuer-away", "the keys of a token issuer cannot be fetched: its tokens count for tokens.keep_s",
    "curl -v {address}; mend the network, tokens.ca_file, or tell its people", ISSUER_PAGE)
ANOTHER = error(
    "issuer-another", "an address is that of another token issuer: no token of the one meant counts",
    "write the issuer exactly as its configuration names it", ISSUER_PAGE)
NO_KEYS = error(
    "issuer-without-keys", "a token issuer publishes no key that can be used: no token of it counts",
    "tell its people: RS256 or ES256 keys with kid are wanted", ISSUER_PAGE)
RUCIO_AWAY = error(
    "rucio-away", "Rucio does not answer", "curl -v {url}/ping; mend the network, dataservice.rucio.ca, or ask its people",
    RUCIO_PAGE)
RUCIO_REFUSES = error(
    "rucio-refuses", "Rucio refuses pandad", "renew the credential, or have {account} added to it in Rucio", "reference/rucio.md")

_SAID = (("of another issuer", ANOTHER), ("publishes no key", NO_KEYS))  # in the words of discovery.py and keys.py


async def issuers(seen: Installation, reactor: Any) -> Sequence[Finding]:
    """Each, for its keys."""
    try:
        fetch = Fetcher(reactor, min(seen.config.tokens.fetch_timeout_s, 5.0), seen.config.tokens.ca_file).get
    except FetchFailed:
        return []  # told where the files are looked at
    found: list[Finding] = []
    for each, where in accepted(seen):
        source = KeySource(reactor, fetch, each.discovery, each.issuers, seen.config.tokens)
        await source.run_once()
        if source.problem:
            fault = next((fault for words, fault in _SAID if words in source.problem), AWAY)
            found.append(fault.found(f"{each.name}: {source.problem}", **where, address=each.discovery))
    return found


async def rucio(seen: Installation, reactor: Any) -> Sequence[Finding]:
    """A token, as it gives them to pandad; nothing is asked with it."""
    config, where = seen.config.dataservice.rucio, seen.place("dataservice", "rucio")
    if seen.config.dataservice.backend != "rucio":
        return []
    try:
        wire = Wire(reactor, config)
    except CredentialUnusable:
        return []  # told where the files are looked at
    try:
        await source_of(wire, config, seen.now.timestamp).fetch()
    except CredentialUnusable as refused:
        return [RUCIO_REFUSES.found(str(refused), **where, account=config.account)]
    except NoAnswer as silent:
        return [RUCIO_AWAY.found(f"{config.url}: {silent}", **where, url=config.url)]
    finally:
        await wire.close()
    return []
