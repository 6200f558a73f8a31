"""Every bad chain is refused, with its reason, and OpenSSL agrees; good ones are not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography import x509

from pandad.api.x509.refusal import FAULTS, SENTENCES, Refusal
from pandad.embedded.pki import name_of
from pandad.embedded.proxies import LIMITED

from .badchains import BadChain, bad_chains, chain_of, informed
from .chains import ALICE, BASE, HOUR, Link, Shown, World, authority, proxy, user

BAD = bad_chains()
BY_PANDAD_ONLY = {  # OpenSSL knows nothing of these
    Refusal.SIGNING_POLICY, Refusal.AMBIGUOUS_NAME, Refusal.INDEPENDENT_PROXY, Refusal.POLICY_LANGUAGE, Refusal.PROXY_OF_CA,
    Refusal.WRONG_PURPOSE, Refusal.WEAK, Refusal.CHAIN_TOO_LONG,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One for all that change no files."""
    return World.make(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_refused_with_its_reason(bad: BadChain, world: World, tmp_path: Path) -> None:
    """A bad chain is refused for the reason that it has."""
    if bad.prepare is not None:
        world = World.make(tmp_path)
        bad.prepare(world)
    chain = bad.chain(world)
    assert world.show(chain) == Shown(refusal=bad.reason)
    if bad.reason not in BY_PANDAD_ONLY:
        assert not world.openssl_accepts([link.der for link in chain])


def test_there_are_many() -> None:
    """Each has a name of its own, and every reason that a client can give occurs."""
    assert len({bad.name for bad in BAD}) == len(BAD) >= 200
    # A chain without its root gets through no handshake; what OpenSSL refuses and nobody knows has no example.
    never = {Refusal.INCOMPLETE, Refusal.OTHER, Refusal.PROXY_BEHIND_PLAIN}
    assert {bad.reason for bad in BAD} == set(Refusal) - never


def test_sentences() -> None:
    """Each reason has its sentence, and each number of OpenSSL's that is known leads to one."""
    assert set(SENTENCES) == set(Refusal)
    assert len(set(SENTENCES.values())) == len(SENTENCES)
    assert set(FAULTS.values()) <= set(Refusal)


@pytest.mark.parametrize("depth", [0, 1, 2, 5, 10])
def test_good_chains(world: World, depth: int) -> None:
    """A good chain is its user's, however deep, and is limited if one of its proxies is."""
    shown = world.show(chain_of(world, depth))
    assert shown.peer is not None
    assert (shown.peer.dn, shown.peer.anchor, shown.peer.proxy_depth) == (ALICE, f"{BASE}/CN=Chains root", depth)
    assert not shown.peer.limited
    for place in range(1, depth + 1):
        limited = world.show(chain_of(world, depth, {place: informed(LIMITED)})).peer
        assert limited is not None
        assert limited.limited


def test_path_lengths_that_suffice(world: World) -> None:
    """As many proxies as are allowed are allowed."""
    assert world.show(chain_of(world, 3, {1: informed(path_length=2), 3: informed(path_length=0)})).peer is not None


def old_style(world: World, *names: str, signer: Link | None = None) -> list[Link]:
    links = [signer or world.middle]
    links.append(user().signed_by(links[0]))
    for number, name in enumerate(names):
        subject = x509.Name([*links[-1].certificate.subject.rdns, *name_of(f"/CN={name}").rdns])
        links.append(proxy(links[-1], 20 + number, None, subject=subject).signed_by(links[-1]))
    return links[::-1]


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Accepts proxies of Globus 2."""
    return World.make(tmp_path_factory.mktemp("lenient"), accept_old_style=True)


class TestOldStyleAccepted:
    """Where proxies of Globus 2 are accepted, they are held to their own rules, and nothing else is let in."""
    @pytest.mark.parametrize(("names", "limited"), [
        (["proxy"], False), (["proxy"] * 3, False), (["limited proxy"], True), (["limited proxy", "proxy"], True),
        (["proxy", "limited proxy"], True)])
    def test_accepted(self, lenient: World, names: list[str], limited: bool) -> None:
        """They stand for their user; limited by the name, which counts here only."""
        peer = lenient.show(old_style(lenient, *names)).peer
        assert peer is not None
        assert (peer.dn, peer.proxy_depth, peer.limited) == (ALICE, len(names), limited)

    @pytest.mark.parametrize("name", ["Proxy", "proxy ", "limited  proxy", "123456", "restricted proxy"])
    def test_other_names(self, lenient: World, name: str) -> None:
        """No other last CN makes a proxy."""
        assert lenient.show(old_style(lenient, name)).refusal is Refusal.NO_CA

    def test_name_of_another(self, lenient: World) -> None:
        """Bob cannot sign a proxy of Alice's."""
        bob = user(f"{BASE}/OU=Users/CN=bob", 11).signed_by(lenient.middle)
        forged = proxy(user().signed_by(lenient.middle), 20, None).signed_by(bob)
        assert lenient.show([forged, bob, lenient.middle]).refusal is Refusal.NO_CA

    def test_by_an_authority(self, lenient: World) -> None:
        """A user whose CN is proxy, certified by his authority, is no proxy; nor is he the authority."""
        odd = user(f"{BASE}/CN=Chains CA/CN=proxy").signed_by(lenient.middle)
        peer = lenient.show([odd, lenient.middle]).peer
        assert peer is not None
        assert peer.dn == f"{BASE}/CN=Chains CA/CN=proxy"

    def test_too_many_authorities(self, lenient: World) -> None:
        """The path length of authorities still counts, and the user who signs a proxy is none."""
        narrow = authority(f"{BASE}/CN=Chains CA", 2, 0).signed_by(lenient.root)
        lower = authority(f"{BASE}/CN=Lower CA", 5).signed_by(narrow)
        assert lenient.show([*old_style(lenient, "proxy", signer=lower), narrow]).refusal is Refusal.CA_PATH_LENGTH
        assert lenient.show(old_style(lenient, "proxy", signer=narrow)).peer is not None

    @pytest.mark.parametrize("bad", [b for b in BAD if b.prepare is None], ids=lambda bad: bad.name)
    def test_nothing_else(self, bad: BadChain, lenient: World) -> None:
        """Every other bad chain is refused as before."""
        expected: Mapping[Refusal, set[Refusal | None]] = {Refusal.OLD_STYLE_PROXY: {None}}
        assert lenient.show(bad.chain(lenient)).refusal in expected.get(bad.reason, {bad.reason})


def test_expired_lists_accepted(tmp_path: Path) -> None:
    """Where expired lists are accepted, what they say still counts."""
    world = World.make(tmp_path, accept_expired_crl=True)
    chain = chain_of(world, 1)
    world.revoke(world.middle, lifetime=-HOUR)
    world.tls.reload()
    assert world.show(chain).peer is not None
    world.revoke(world.middle, chain[1], lifetime=-HOUR)
    world.tls.reload()
    assert world.show(chain).refusal is Refusal.REVOKED
