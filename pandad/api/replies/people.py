"""What is answered about people, what they leave here, and what is lent."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict


class LinkCode(TypedDict):
    """Good once, until then."""

    code: str
    expires: datetime


class LinkedAccount(TypedDict):
    """The number of the account."""

    account: int


class LentProxy(TypedDict):
    """The same twice: PanDA's key, and the one that Harvester reads. So with a token."""

    user_proxy: str
    userProxy: str


class LentKeys(TypedDict):
    """Likewise."""

    public_key: str
    private_key: str
    publicKey: str
    privateKey: str


class LentTokenKey(TypedDict):
    """What pilots must show."""

    tokenKey: str


class _Told(TypedDict):
    StatusCode: int
    errorDialog: str
    ErrorDialog: str


class LegacyProxy(_Told):
    """A proxy, or a token under the key of one."""

    userProxy: str


class LegacyKeys(_Told):
    """Two keys."""

    publicKey: str
    privateKey: str


class LegacyTokenKey(_Told):
    """What pilots must show."""

    tokenKey: str


class Environment(TypedDict):
    """The caller, under the names of a web server's environment."""

    parameters: dict[str, str]
    environment: dict[str, str]


class UserAttributes(TypedDict):
    """The caller, under PanDA's names and pandad's own. ``others``: his other identities; ``remarks``: what does not count."""

    user_dn_raw: str
    user_dn_clean: str
    fqans: list[str]
    is_production_user: bool
    production_working_groups: list[str]
    primary_working_group: str | None
    subject: str
    anchor: str
    name: str
    host: str
    kind: str
    limited: bool
    not_after: str | None
    vo: str
    nickname: str
    account: int | None
    others: list[str]
    roles: list[str]
    groups: list[str]
    production_of: list[str]
    remarks: list[str]
