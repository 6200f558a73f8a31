"""What it costs to find out who calls: full handshakes with different credentials, and calls that ask for an identity."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.measures import cpu_ms
from tests.benchmarks.stand import HTTPS, HTTPS_NEW, HTTPS_RESUMED, Stand, Transport

CLIENTS = 8


def handshakes(stand: Stand) -> None:
    """A connection for each call: with a proxy, with VOMS attributes, and offering a session, which is not taken up."""
    pki = stand.sandbox.pki
    for credential, proxy, transport in (
            ("proxy", pki.proxy("pilot"), HTTPS_NEW), ("proxy with VOMS attributes", pki.voms_proxy("pilot"), HTTPS_NEW),
            ("proxy, session offered", pki.proxy("pilot"), HTTPS_RESUMED)):
        _measure(stand, "who_am_i", credential, proxy, transport)


def identified(stand: Stand) -> None:
    """Calls for anybody and for those who are known, over connections that are kept."""
    for call in ("alive", "who_am_i"):
        _measure(stand, call, "proxy with VOMS attributes", stand.sandbox.pki.voms_proxy("pilot"), HTTPS)


def _measure(stand: Stand, kind: str, credential: str, proxy: Path, transport: Transport) -> None:
    found = stand.load(kind, transport, CLIENTS, proxy=proxy)
    cost = cpu_ms({"daemon": found.cpu_s["daemon"]}, found.units, "call")
    daemon_ms = cost["daemon_cpu_ms_per_call"]
    stand.report.emit(
        "identity", call=kind, credential=credential, transport=transport.name, clients=CLIENTS, calls_per_s=found.per_s,
        calls_per_s_and_core=round(1000 / daemon_ms) if daemon_ms else None, **cost, handshakes=found.handshakes,
        resumed=found.resumed, others_share_of_machine=found.others_share_of_machine, errors=found.errors)
