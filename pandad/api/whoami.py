"""The caller as this server sees him, in the forms in which clients ask. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pandad import __version__
from pandad.spec.caller import Caller, Role


def facts(caller: Caller) -> dict[str, Any]:
    """All that decides what he may: for `pandad whoami` and for people's eyes. Times are ISO 8601 in UTC."""
    identity, credential = caller.identity, caller.credential
    assert identity is not None
    return {
        "subject": identity.subject, "anchor": identity.anchor, "name": caller.name, "host": caller.host,
        "kind": credential.kind if credential else "", "limited": caller.limited,
        "not_after": credential.not_after.isoformat() if credential else None,
        "vo": credential.vo if credential else "", "fqans": list(credential.fqans) if credential else [],
        "nickname": credential.nickname if credential else "",
        "account": caller.account, "others": sorted(f"{i.subject} from {i.anchor}" for i in caller.others),
        "roles": sorted(caller.roles), "groups": sorted(caller.groups), "production_of": sorted(caller.production_of),
        "remarks": list(caller.remarks)}


def voms(caller: Caller) -> dict[str, str]:
    """Under the names of mod_gridsite: the DN, then the FQANs in their order. panda-client shows keys of this kind only."""
    said = facts(caller)
    parts = [f"dn:{said['subject']}", *(f"fqan:{fqan}" for fqan in said["fqans"])]
    parts += [f"nickname:{said['nickname']}"] if said["nickname"] else []
    return {f"GRST_CRED_AURI_{number}": part for number, part in enumerate(parts)}


def environment(caller: Caller) -> dict[str, str]:
    """Under the names that a web server gives such things, and under pandad's own."""
    said = facts(caller)
    ours = {key: said[key] for key in (
        "kind", "roles", "account", "others", "groups", "production_of", "vo", "nickname", "not_after", "limited", "remarks")}
    return {
        "SSL_CLIENT_S_DN": said["subject"], "SSL_CLIENT_I_DN": said["anchor"], "REMOTE_ADDR": said["host"], **voms(caller),
        **{f"PANDAD_{key.upper()}": _flat(value) for key, value in ours.items()}, "PANDAD_VERSION": __version__}


def user(caller: Caller) -> dict[str, Any]:
    """Under PanDA's names for a user, with what pandad knows beside."""
    groups = sorted(caller.production_of)
    said = facts(caller)
    return {
        "user_dn_raw": said["subject"], "user_dn_clean": said["name"], "fqans": said["fqans"],
        "is_production_user": caller.has(Role.PRODUCTION), "production_working_groups": groups,
        "primary_working_group": groups[0] if groups else None, **said}


def lines(values: Mapping[str, object]) -> str:
    """A line for each, for people."""
    return "".join(f"{key} : {_flat(value)}\n" for key, value in sorted(values.items()))


def _flat(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
