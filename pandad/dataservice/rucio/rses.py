"""Rucio's RSEs as pilots want endpoints described, and the room that is left at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

from pandad.dataservice.rucio.refusals import Refused
from pandad.dataservice.rucio.session import Call, Session, together
from pandad.spec.facts import Space

# CRIC's activities: by which network and for what.
ACTIVITIES: Mapping[str, tuple[str, str]] = {
    "pr": ("lan", "read"), "pl": ("lan", "read"), "read_lan": ("lan", "read"), "read_wan": ("wan", "read"),
    "pw": ("lan", "write"), "write_lan": ("lan", "write"), "write_wan": ("wan", "write")}
FLAVOURS: Mapping[str, str] = {"file": "MV", "root": "XROOTD", "davs": "WEBDAV", "https": "WEBDAV"}


async def describe_all(session: Session) -> Mapping[str, Mapping[str, Any]]:
    """The endpoints that jobs may use, by name.

    :raise Refused: by Rucio. :raise DDMUnavailable: not now.
    """
    query = urlencode({"expression": session.config.endpoints})
    names = sorted(await session.lines(Call("GET", f"/rses/?{query}", "the endpoints"), lambda entry: str(entry["rse"])))
    found = await together(_described(session, name, number) for number, name in enumerate(names, 1))
    return dict(zip(names, found, strict=True))


async def _described(session: Session, name: str, number: int) -> Mapping[str, Any]:
    attributes = await session.ask(Call("GET", f"/rses/{quote(name)}/attr/", f"endpoint {name}"), dict)
    call = Call("GET", f"/rses/{quote(name)}", f"endpoint {name}")
    return await session.ask(call, lambda settings: describe(name, number, settings, attributes))


def describe(name: str, number: int, settings: Mapping[str, Any], attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """An endpoint in CRIC's form, from Rucio's settings and attributes of an RSE."""
    protocols = settings["protocols"]
    return {"id": number, "name": name, "site": str(attributes.get("site") or name), "state": "ACTIVE",
            "type": str(attributes.get("type") or "DATADISK"), "token": str(attributes.get("spacetoken") or ""),
            "is_deterministic": bool(settings["deterministic"]), "is_tape": settings.get("rse_type") == "TAPE",
            "arprotocols": {activity: list(_offered(protocols, *how)) for activity, how in ACTIVITIES.items()}, "rprotocols": {}}


def _offered(protocols: Sequence[Mapping[str, Any]], network: str, operation: str) -> Iterator[Mapping[str, str]]:
    """The best first: Rucio counts from 1, and what is not offered has 0 or nothing."""
    ranked = [(protocol["domains"].get(network, {}).get(operation), protocol) for protocol in protocols]
    for _, protocol in sorted(((rank, p) for rank, p in ranked if rank), key=lambda pair: int(pair[0])):
        scheme, port = protocol["scheme"], protocol["port"]
        host = "localhost" if scheme == "file" else f"{protocol['hostname']}:{port}" if port else protocol["hostname"]
        yield {"endpoint": f"{scheme}://{host}", "path": f"/{protocol['prefix'].lstrip('/')}",
               "flavour": FLAVOURS.get(scheme, scheme.upper())}


async def space(session: Session, name: str) -> Space | None:
    """The room at an endpoint; None if there is no such endpoint, or no figure.

    :raise DDMUnavailable: not now.
    """
    source = session.config.space_source
    call = Call("GET", f"/rses/{quote(name)}/usage?{urlencode({'source': source})}", f"the space at {name}")
    try:
        found = await session.lines(call, lambda entry: _space(entry) if entry["source"] == source else None)
    except Refused as error:
        if error.kind == "RSENotFound":
            return None
        raise error.error(call.subject) from None
    return found[0] if found else None


def _space(entry: Mapping[str, Any]) -> Space | None:
    if entry["free"] is None:
        return None
    said = entry.get("updated_at")
    return Space(int(entry["total"] or 0), int(entry["free"]), parsedate_to_datetime(said) if said else None)
