"""The name of this host, which clients are told to come to."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pandad.doctor.finding import Finding, warning
from pandad.doctor.installation import Installation

PAGE = "reference/checks.md"
UNKNOWN = warning(
    "name-unknown", "the name of this host does not resolve: pilots are sent there",
    "register it in the DNS, or mend: hostnamectl set-hostname", PAGE)
ELSEWHERE = warning(
    "name-elsewhere", "the name of this host is another host's: pilots are sent there", "mend the DNS, or /etc/hosts", PAGE)
LOOPBACK = warning(
    "name-loopback", "the name of this host is a loopback address here", "take {host} off the line of {address} in /etc/hosts",
    PAGE)
REVERSE = warning(
    "name-reverse", "the address of this host has another name, or none", "register {host} as the name of {address} (PTR)", PAGE)


def _is_ours(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address.partition("%")[0], 0))
        except OSError as refused:
            return refused.errno != errno.EADDRNOTAVAIL
    return True


@dataclass(frozen=True, slots=True)
class Resolver:
    """How names are looked up, and addresses known for this host's: in the host's own way, unless a test has another."""

    addresses: Callable[[str], list[str]] = lambda host: sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None)})
    name: Callable[[str], str] = lambda address: socket.gethostbyaddr(address)[0]
    is_ours: Callable[[str], bool] = _is_ours


THIS_HOST = Resolver()


def names(seen: Installation, resolver: Resolver = THIS_HOST) -> Iterator[Finding]:
    """Forth and back; a server that only this host reaches needs no name."""
    host = seen.host
    if seen.is_local:
        return
    try:
        addresses = resolver.addresses(host)
    except OSError as refused:
        yield UNKNOWN.found(f"{host}: {refused.strerror or refused}")
        return
    foreign = [address for address in addresses if not resolver.is_ours(address)]
    if foreign:
        yield ELSEWHERE.found(f"{host} is {', '.join(foreign)}, which is none of this host's")
        return
    local = [address for address in addresses if ipaddress.ip_address(address.partition("%")[0]).is_loopback]
    if local:
        yield LOOPBACK.found(f"{host} is {local[0]}", host=host, address=local[0])
        return
    yield from _reverse(host, addresses[0], resolver)


def _reverse(host: str, address: str, resolver: Resolver) -> Iterator[Finding]:
    try:
        name = resolver.name(address)
    except OSError:
        name = "nobody"
    if name.lower().rstrip(".") != host.lower():
        yield REVERSE.found(f"{host} is {address}, and that is {name}", host=host, address=address)
