"""Which addresses are one client's to choose from."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address

REMEMBERED = 10_000
HOST_BITS = 64  # of an IPv6 address (RFC 4291, 2.5.4): whoever has one of these has all


def network_of(host: str) -> str:
    """What is counted of an address: an IPv4 address by itself, also one that is written as IPv6; of another one its network.

    :param host: an address, or what a transport that is no socket says of itself.
    """
    return host if ":" not in host else _network(host)


@lru_cache(maxsize=REMEMBERED)
def _network(host: str) -> str:
    address = IPv6Address(host.partition("%")[0])
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> HOST_BITS << HOST_BITS)}/{128 - HOST_BITS}"
