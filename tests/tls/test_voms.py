"""VOMS attributes: who gets them, who does not and why; and what libvomsapi says of the same proxies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1x509
from cryptography.hazmat.primitives.asymmetric import ec

from pandad.api.x509.gridcert import read
from pandad.api.x509.refusal import ATTRIBUTE_SENTENCES, AttributeRefusal, AttributesRefused
from pandad.api.x509.revocation import Trust
from pandad.api.x509.signingpolicy import read_policies
from pandad.api.x509.voms import Voms, VomsAttributes
from pandad.api.x509.vomsdir import read_vomsdir
from pandad.embedded.pki import BASE, SandboxPki, make_sandbox_pki
from pandad.embedded.proxies import Credential, make_proxy
from pandad.embedded.voms import VomsServer, in_extension

from . import vomsapi
from .badattributes import BadAttributes, Makers, bad_attributes, extended, setting, targets

BAD = bad_attributes()
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)
LIBRARY = pytest.mark.skipif(
    not vomsapi.installed(), reason="libvomsapi is not there to compare with: apt-get install libvomsapi1v5")


@pytest.fixture(scope="module")
def makers(tmp_path_factory: pytest.TempPathFactory) -> Makers:
    """Alice, and the server of her VO, which is installed."""
    pki = make_sandbox_pki(tmp_path_factory.mktemp("voms"), NOW)
    pki.authority.install_revocations(pki.ca_directory, pki.authority.revocation_list(NOW - HOUR))
    server = VomsServer("pandad", "localhost", pki.authority.issue_user(f"{BASE}/OU=Hosts/CN=voms", NOW))
    host = pki.authority.issue_user(f"{BASE}/OU=Hosts/CN=chained", NOW)
    chained = VomsServer("pandad", "chained", replace(host, chain=(pki.authority.certificate,)))
    for one in (server, chained):
        one.install(pki.vomsdir)
    return Makers(pki, server, chained, NOW)


def voms_of(pki: SandboxPki, now: datetime = NOW, hosts: Sequence[str] = ("localhost",), lenient: bool = False) -> Voms:
    """As a server has it."""
    trust = Trust.of(pki.ca_directory, read_policies(pki.ca_directory), lenient)
    return Voms(read_vomsdir(pki.vomsdir), trust, hosts, lambda: now)


@pytest.fixture(scope="module")
def voms(makers: Makers) -> Voms:
    return voms_of(makers.pki)


@pytest.fixture(scope="module")
def library(makers: Makers) -> Iterator[vomsapi.Verdicts]:
    verdicts = vomsapi.Verdicts(makers.pki.vomsdir, makers.pki.ca_directory)
    yield verdicts
    verdicts.close()


def shown(voms: Voms, makers: Makers, extension: bytes) -> VomsAttributes:
    return voms.attributes(extension, read(makers.alice).der)


def refused(voms: Voms, makers: Makers, extension: bytes) -> AttributeRefusal:
    """The same at each time."""
    with pytest.raises(AttributesRefused) as first:
        shown(voms, makers, extension)
    with pytest.raises(AttributesRefused) as second:
        shown(voms, makers, extension)
    assert str(first.value) == str(second.value)
    return first.value.reason


KEY = ec.generate_private_key(ec.SECP256R1())


def proxy_with(makers: Makers, extension: bytes) -> Credential:
    return make_proxy(makers.pki.users["alice"], NOW, attributes=extension, key=KEY)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_refused_with_its_reason(bad: BadAttributes, voms: Voms, makers: Makers) -> None:
    """Bad attributes do not count, for the reason that they have, at the second time too."""
    assert refused(voms, makers, bad.make(makers)) is bad.reason


def test_there_are_many() -> None:
    """Each has a name, every reason occurs, and every reason has a sentence."""
    assert len({bad.name for bad in BAD}) == len(BAD) >= 120
    assert {bad.reason for bad in BAD} == set(AttributeRefusal) == set(ATTRIBUTE_SENTENCES)


def by_subject(makers: Makers) -> bytes:
    """The holder as voms-proxy-fake names him."""
    name = asn1x509.GeneralName("directory_name", asn1x509.Name.load(makers.alice.subject.public_bytes()))
    return setting("holder", "base_certificate_id", "issuer", value=[name])(makers)


GOOD: dict[str, Callable[[Makers], bytes]] = {
    "plain": lambda m: in_extension(m.made()),
    "nickname": lambda m: in_extension(m.made(nickname="alice")),
    "three FQANs": lambda m: in_extension(m.made(fqans=[
        "/pandad/Role=production", "/pandad", "/pandad/phys-higgs/sub_group.1/Role=pilot"])),
    "a server whose root is named": lambda m: in_extension(m.made(server=m.chained)),
    "long-lived": lambda m: in_extension(m.made(lifetime=700 * HOUR)),
    "subject as holder's issuer": by_subject,
}


@LIBRARY
@pytest.mark.parametrize("name", GOOD)
def test_what_we_accept_the_library_accepts(
        name: str, voms: Voms, makers: Makers, library: vomsapi.Verdicts, tmp_path: Path) -> None:
    """Good attributes are good to both, and say the same."""
    made = GOOD[name](makers)
    ours = shown(voms, makers, made)
    proxy_with(makers, made).write(tmp_path / "proxy")
    theirs = library.of(tmp_path / "proxy")
    assert theirs is not None
    assert (theirs[0]["vo"], plain(theirs[0]["fqans"])) == (ours.vo, ours.fqans)


@pytest.mark.parametrize("critical", [True, False])
def test_targets(voms: Voms, makers: Makers, critical: bool) -> None:
    """Attributes for some hosts count on each of them."""
    made = extended("2.5.29.55", targets("elsewhere", "localhost"), critical=critical)(makers)
    assert shown(voms, makers, made).fqans == ("/pandad",)


def test_by_the_clock(makers: Makers) -> None:
    """They count from five minutes before they begin, as clocks differ, to their end and no longer."""
    made = in_extension(makers.made(lifetime=HOUR))
    begins = NOW - timedelta(minutes=5)
    for now, good in ((begins - timedelta(minutes=4), True), (begins - timedelta(minutes=6), False), (NOW, True),
                      (NOW + HOUR - timedelta(seconds=2), True), (NOW + HOUR + timedelta(seconds=1), False)):
        voms = voms_of(makers.pki, now)
        assert (good and shown(voms, makers, made).vo == "pandad") or refused(voms, makers, made) in (
            AttributeRefusal.EXPIRED, AttributeRefusal.NOT_YET_VALID), now


def plain(fqans: Sequence[str]) -> tuple[str, ...]:
    """Without what VOMS adds."""
    return tuple(fqan.replace("/Capability=NULL", "").replace("/Role=NULL", "") for fqan in fqans)
