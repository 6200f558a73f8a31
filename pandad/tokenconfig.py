"""The section [tokens] of the configuration: whose bearer tokens are good, and what their claims mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pandad import configchecks
from pandad.settings import setting

HOUR_S = 3600
DAY_S = 24 * HOUR_S
ALGORITHMS = ("RS256", "ES256")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuerConfig:
    """Tokens of one issuer for one VO."""

    issuer: str = setting(
        "Its name, exactly as in the claim iss", check=configchecks.issuer, example='"https://iam.example.org/"')
    vo: str = setting("The VO that its groups are about", check=configchecks.vo, example='"atlas"')
    audience: tuple[str, ...] = setting(
        "A token must be for one of these (aud)", check=configchecks.filled, example='["https://panda.example.org"]')
    algorithms: tuple[str, ...] = setting("Signatures that count", ALGORITHMS, choices=ALGORITHMS)
    discovery: str = setting(
        'Its OpenID configuration; "" is /.well-known/openid-configuration below the issuer', "", check=configchecks.discovery)
    profile: str = setting("Where the groups stand: iam is groups, wlcg is wlcg.groups", "iam", choices=("iam", "wlcg"))
    members_only: bool = setting("Refuse bearers in no group of the VO", True)
    auto_roles: tuple[str, ...] = setting("Roles that a member has unasked; the first that the groups grant", ())
    scope_roles: tuple[str, ...] = setting("Roles that the scope role:NAME grants without a group", ())
    groups: Mapping[str, str] = setting(
        'Groups that are called otherwise: "name in the token" = "/vo/group" or "/vo/Role=role"',
        lambda: MappingProxyType({}), check=configchecks.fqan)
    robots: Mapping[str, tuple[str, ...]] = setting(
        'Clients that act for themselves (sub is the client id): their groups, if the token names none: ID = ["vo/role"]',
        lambda: MappingProxyType({}))

    @property
    def refusal(self) -> str | None:
        """What is missing; what to write instead."""
        if not self.audience:
            return 'has no audience; write audience = ["https://panda.example.org"], as its tokens have it in aud'
        return None if self.algorithms else 'has no algorithms; leave the key out, or write algorithms = ["RS256"]'


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensConfig:
    """Bearer tokens; docs/reference/tokens.md."""

    auth_config_directory: Path | None = setting(
        'PanDA\'s VO[.ROLE]_auth_config.json files: issuers to accept, also served to clients at /auth/; "" is none',
        None, on_disk=configchecks.directory)
    ca_file: Path | None = setting(
        'Authorities of the issuers\' https, PEM; "" is those of the system', None, on_disk=configchecks.file)
    leeway_s: int = setting("How far an issuer's clock may be ahead, for nbf and iat; exp has none", 10, low=0, high=300)
    refresh_s: int = setting("How often the keys of an issuer are fetched", 600, low=10, high=DAY_S)
    keep_s: int = setting("How long fetched keys count while their issuer does not answer", DAY_S, low=60, high=30 * DAY_S)
    fetch_timeout_s: float = setting("How long one answer of an issuer may take", 10.0, low=0.1, high=300)
    denials_s: float = setting("How often the list of denied tokens is read", 3.0, low=0.05, high=60)
    issuers: Mapping[str, TokenIssuerConfig] = setting(
        "Issuers by name, each a table [tokens.issuers.NAME]", lambda: MappingProxyType({}))
