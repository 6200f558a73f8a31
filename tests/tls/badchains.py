"""Chains that have to be refused, each with its reason: every fault at every place of chains of every depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from pandad.api.x509.gridcert import PROXY_CERT_INFO
from pandad.api.x509.refusal import Refusal
from pandad.embedded.pki import name_of
from pandad.embedded.proxies import INDEPENDENT, INHERIT_ALL, LIMITED, key_usage

from .chains import ALICE, BASE, HOUR, NOW, Link, Order, World, authority, changed, key, proxy, proxy_info, user

Spoil = Callable[[Order], Order]
MIDDLE, USER = -1, 0  # places in a chain; proxies count from 1, the one that was delegated first
DEPTHS = range(4)


@dataclass(frozen=True)
class BadChain:
    """``prepare``: changes the files of a world of its own before."""

    name: str
    reason: Refusal
    chain: Callable[[World], list[Link]]
    prepare: Callable[[World], None] | None = None


def chain_of(world: World, depth: int, spoil: Mapping[int, Spoil] | None = None) -> list[Link]:
    """The leaf first; with so many proxies, and some orders changed before they are made."""
    changes = spoil or {}

    def made(place: int, order: Order, signer: Link) -> Link:
        return (changes[place](order) if place in changes else order).signed_by(signer)

    middle = made(MIDDLE, authority(f"{BASE}/CN=Chains CA", 2), world.root) if MIDDLE in changes else world.middle
    links = [middle, made(USER, user(), middle)]
    for place in range(1, depth + 1):
        links.append(made(place, proxy(links[-1], 20 + place), links[-1]))
    return links[::-1]


def names_of(place: int) -> str:
    return {MIDDLE: "CA", USER: "user"}.get(place, f"proxy {place}")


WEAK_KEY = rsa.generate_private_key(65537, 1024)

EVERYWHERE: Mapping[str, tuple[Refusal, Spoil]] = {
    "expired": (Refusal.EXPIRED, lambda order: replace(order, not_before=NOW - 9 * HOUR, not_after=NOW - HOUR)),
    "not yet valid": (Refusal.NOT_YET_VALID, lambda order: replace(order, not_before=NOW + HOUR)),
    "signed by another key": (Refusal.BAD_SIGNATURE, lambda order: replace(order, signer_key=key(99))),
    "unknown critical extension": (Refusal.CRITICAL_EXTENSION, lambda order: changed(
        order, extra=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)])),
}


def everywhere() -> Iterator[BadChain]:
    """Each of these faults at each place."""
    for name, (reason, spoil) in EVERYWHERE.items():
        for depth in DEPTHS:
            for place in range(MIDDLE, depth + 1):
                def chain(world: World, depth: int = depth, place: int = place, spoil: Spoil = spoil) -> list[Link]:
                    return chain_of(world, depth, {place: spoil})
                yield BadChain(f"{name}: {names_of(place)} of {depth} proxies", reason, chain)


SPOILED_USERS: Mapping[str, tuple[Refusal, Spoil]] = {
    "outside the signing policy": (Refusal.SIGNING_POLICY, lambda order: replace(order, subject=name_of("/DC=com/CN=mallory"))),
    "just outside the signing policy": (
        Refusal.SIGNING_POLICY, lambda order: replace(order, subject=name_of("/DC=org/DC=pandadx/CN=mallory"))),
    "CN inside the CN": (
        Refusal.AMBIGUOUS_NAME, lambda order: replace(order, subject=name_of(f"{BASE}/OU=Users/CN=mallory/x=y/CN=alice"))),
    "NUL in the name": (Refusal.AMBIGUOUS_NAME, lambda order: replace(order, subject=name_of(f"{ALICE}\0.org"))),
    "line feed in the name": (Refusal.AMBIGUOUS_NAME, lambda order: replace(order, subject=name_of(f"{ALICE}\nadmin"))),
    "several values in one place": (
        Refusal.AMBIGUOUS_NAME, lambda order: replace(order, subject=name_of(f"{BASE}/OU=Users/CN=mallory+CN=alice"))),
    "for servers only": (Refusal.WRONG_PURPOSE, lambda order: changed(
        order, without=[x509.ExtendedKeyUsage],
        extra=[(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)])),
    "RSA with 1024 bits": (Refusal.WEAK, lambda order: replace(order, key=WEAK_KEY)),
}


def spoiled_users() -> Iterator[BadChain]:
    """A bad user's certificate does not get better by proxies."""
    for name, (reason, spoil) in SPOILED_USERS.items():
        for depth in DEPTHS:
            def chain(world: World, depth: int = depth, spoil: Spoil = spoil) -> list[Link]:
                return chain_of(world, depth, {USER: spoil})
            yield BadChain(f"user {name}, {depth} proxies", reason, chain)


def renamed(dn: str) -> Spoil:
    """With another subject."""
    return lambda order: replace(order, subject=name_of(dn))


def informed(policy: str = INHERIT_ALL, path_length: int | None = None) -> Spoil:
    """With another proxyCertInfo."""
    return lambda order: changed(
        order, without=[x509.UnrecognizedExtension], extra=[(proxy_info(policy, path_length), True)])


def garbled(info: bytes) -> Spoil:
    """With these bytes for proxyCertInfo."""
    return lambda order: changed(order, without=[x509.UnrecognizedExtension],
                                 extra=[(x509.UnrecognizedExtension(PROXY_CERT_INFO, info), True)])


def more(extension: x509.ExtensionType, critical: bool = False) -> Spoil:
    """With one more extension."""
    return lambda order: changed(order, without=[type(extension)], extra=[(extension, critical)])


SPOILED_PROXIES: Mapping[str, tuple[Refusal, Spoil]] = {
    "of another name": (Refusal.PROXY_NAME, renamed(f"{BASE}/OU=Users/CN=bob/CN=1")),
    "with the name of its user": (Refusal.PROXY_NAME, renamed(ALICE)),
    "with two names more": (Refusal.PROXY_NAME, renamed(f"{ALICE}/CN=1/CN=2/CN=3/CN=4/CN=5")),
    "with an OU more": (Refusal.PROXY_NAME, lambda order: replace(
        order, subject=x509.Name([*order.subject.rdns[:-1], *name_of("/OU=1").rdns]))),
    "with a shorter name": (Refusal.PROXY_NAME, renamed(BASE)),
    "whose CN is one of two values": (Refusal.PROXY_NAME, lambda order: replace(order, subject=x509.Name([
        *order.subject.rdns[:-1],
        x509.RelativeDistinguishedName([*name_of("/CN=1").rdns[0], *name_of("/OU=1").rdns[0]])]))),
    "that is independent": (Refusal.INDEPENDENT_PROXY, informed(INDEPENDENT)),
    "with an unknown policy": (Refusal.POLICY_LANGUAGE, informed("1.2.3.4.5")),
    "with a policy like that of limited ones": (Refusal.POLICY_LANGUAGE, informed(LIMITED + ".1")),
    "that says it is an authority": (Refusal.MALFORMED, more(x509.BasicConstraints(True, None), True)),
    "with another name beside": (Refusal.MALFORMED, more(x509.SubjectAlternativeName([x509.DNSName("localhost")]))),
    "with another signer beside": (Refusal.MALFORMED, more(x509.IssuerAlternativeName([x509.DNSName("localhost")]))),
    "with an empty policy": (Refusal.MALFORMED, garbled(b"")),
    "with a policy that is none": (Refusal.MALFORMED, garbled(b"\x30\x03\x02\x01")),
    "for servers only": (
        Refusal.WRONG_PURPOSE, more(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]))),
}


def spoiled_proxies() -> Iterator[BadChain]:
    """A fault in the first or in the last proxy, whatever the others are."""
    for name, (reason, spoil) in SPOILED_PROXIES.items():
        for depth in (1, 2, 3):
            def chain(world: World, depth: int = depth, spoil: Spoil = spoil) -> list[Link]:
                return chain_of(world, depth, {depth: spoil})
            # Who signs his own name vouches for himself.
            named = Refusal.UNKNOWN_CA if depth == 1 and name == "with the name of its user" else reason
            yield BadChain(f"last of {depth} proxies {name}", named, chain)


def path_lengths() -> Iterator[BadChain]:
    """More proxies than one allows, the nearest and the farthest; and of authorities."""
    for place, allowed, depth in ((1, 0, 2), (1, 0, 3), (1, 1, 3), (2, 0, 3), (1, 2, 4), (2, 1, 4), (3, 0, 4)):
        def chain(world: World, place: int = place, allowed: int = allowed, depth: int = depth) -> list[Link]:
            return chain_of(world, depth, {place: informed(path_length=allowed)})
        yield BadChain(f"proxy {place} allows {allowed}, {depth} proxies", Refusal.PROXY_PATH_LENGTH, chain)
    for depth in DEPTHS:
        def below(world: World, depth: int = depth) -> list[Link]:
            narrow = authority(f"{BASE}/CN=Chains CA", 2, 0).signed_by(world.root)
            lower = authority(f"{BASE}/CN=Lower CA", 5).signed_by(narrow)
            return [*_proxies(user().signed_by(lower), depth), lower, narrow]
        yield BadChain(f"two authorities where one is allowed, {depth} proxies", Refusal.CA_PATH_LENGTH, below)
    yield BadChain("25 proxies", Refusal.CHAIN_TOO_LONG, lambda world: chain_of(world, 25))


def _proxies(of: Link, depth: int, first: int = 20) -> list[Link]:
    links = [of]
    for number in range(depth):
        links.append(proxy(links[-1], first + number).signed_by(links[-1]))
    return links[::-1]


def strangers() -> Iterator[BadChain]:
    """Authorities that are not trusted, whatever they are called; and people who are none."""
    for depth in DEPTHS:
        def unknown(world: World, depth: int = depth) -> list[Link]:
            return [*_proxies(user().signed_by(STRANGER), depth), STRANGER]
        yield BadChain(f"unknown authority, {depth} proxies", Refusal.UNKNOWN_CA, unknown)

        def alike(world: World, depth: int = depth) -> list[Link]:
            return [*_proxies(user().signed_by(LOOK_ALIKE), depth), LOOK_ALIKE]
        yield BadChain(f"authority of the same name, {depth} proxies", Refusal.BAD_SIGNATURE, alike)

        def by_itself(world: World, depth: int = depth) -> list[Link]:
            return _proxies(user().signed_by(None), depth)
        yield BadChain(f"user who vouches for himself, {depth} proxies", Refusal.UNKNOWN_CA, by_itself)

        def by_user(world: World, depth: int = depth) -> list[Link]:
            bob = user(f"{BASE}/OU=Users/CN=bob", 11).signed_by(world.middle)
            return [*_proxies(user().signed_by(bob), depth), bob, world.middle]
        yield BadChain(f"user signed by a user, {depth} proxies", Refusal.NO_CA, by_user)

        def by_proxy(world: World, depth: int = depth) -> list[Link]:
            bob = user(f"{BASE}/OU=Users/CN=bob", 11).signed_by(world.middle)
            signer = proxy(bob, 12).signed_by(bob)
            return [*_proxies(user().signed_by(signer), depth), signer, bob, world.middle]
        yield BadChain(f"user signed by a proxy, {depth} proxies", Refusal.NO_CA, by_proxy)

        def no_authority(world: World, depth: int = depth) -> list[Link]:
            return chain_of(world, depth, {MIDDLE: more(x509.BasicConstraints(False, None), True)})
        yield BadChain(f"CA that is none, {depth} proxies", Refusal.NO_CA, no_authority)

        def no_signer(world: World, depth: int = depth) -> list[Link]:
            return chain_of(world, depth, {MIDDLE: more(key_usage(crl_sign=True), True)})
        yield BadChain(f"CA that may sign lists only, {depth} proxies", Refusal.NO_CA, no_signer)

        def constrained(world: World, depth: int = depth) -> list[Link]:
            only = x509.NameConstraints([x509.DirectoryName(name_of("/DC=org/DC=elsewhere"))], None)
            return chain_of(world, depth, {MIDDLE: more(only, True)})
        yield BadChain(f"name outside the CA's constraints, {depth} proxies", Refusal.NAME_CONSTRAINTS, constrained)


STRANGER = authority(f"{BASE}/CN=Stranger CA", 6).signed_by(None)
LOOK_ALIKE = authority(f"{BASE}/CN=Chains root", 7).signed_by(None)


def old_style() -> Iterator[BadChain]:
    """Proxies of Globus 2, alone and mixed with others."""
    kinds = {"2": None, "R": INHERIT_ALL}
    for written in ("2", "22", "222", "2R", "R2", "2RR", "RR2", "R2R", "22R", "2R2"):
        def chain(world: World, written: str = written) -> list[Link]:
            links = [world.middle, user().signed_by(world.middle)]
            for number, kind in enumerate(written):
                links.append(proxy(links[-1], 20 + number, kinds[kind]).signed_by(links[-1]))
            return links[::-1]
        reason = Refusal.MIXED_PROXIES if "R" in written else Refusal.OLD_STYLE_PROXY
        yield BadChain(f"proxies of the kinds {written}", reason, chain)


def of_authorities() -> Iterator[BadChain]:
    """An authority is no user, and signs no proxies of itself."""
    yield BadChain("proxy of an authority", Refusal.PROXY_OF_CA, lambda world: [
        proxy(world.middle).signed_by(world.middle), world.middle])
    yield BadChain("proxy of a root", Refusal.PROXY_OF_CA, lambda world: [proxy(world.root).signed_by(world.root)])


def revoked() -> Iterator[BadChain]:
    """Lists of the revoked, and what keeps them from being used."""
    ways: Mapping[str, tuple[Refusal, Callable[[World], None]]] = {
        "user revoked": (Refusal.REVOKED, lambda world: world.revoke(world.middle, _known_user(world))),
        "CA revoked": (Refusal.REVOKED, lambda world: world.revoke(world.root, world.middle)),
        "list expired": (Refusal.CRL_EXPIRED, lambda world: world.revoke(world.middle, lifetime=-HOUR)),
        "list of the root expired": (Refusal.CRL_EXPIRED, lambda world: world.revoke(world.root, lifetime=-HOUR)),
        "list signed by another": (Refusal.CRL_UNUSABLE, lambda world: world.revoke(world.middle, signer=key(98))),
        "list not yet valid": (
            Refusal.CRL_UNUSABLE, lambda world: world.revoke(world.middle, now=NOW + timedelta(days=2))),
    }
    for name, (reason, prepare) in ways.items():
        for depth in DEPTHS:
            def chain(world: World, depth: int = depth) -> list[Link]:
                return [*_proxies(_known_user(world), depth), world.middle]

            def prepared(world: World, prepare: Callable[[World], None] = prepare) -> None:
                prepare(world)
                world.tls.reload()
            yield BadChain(f"{name}, {depth} proxies", reason, chain, prepared)


def _known_user(world: World) -> Link:
    return replace(user(), serial=4711).signed_by(world.middle)


def bad_chains() -> list[BadChain]:
    """All of them."""
    makers = (everywhere, spoiled_users, spoiled_proxies, path_lengths, strangers, old_style, of_authorities, revoked)
    return [bad for maker in makers for bad in maker()]
