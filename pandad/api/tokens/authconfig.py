"""PanDA's ``<vo>[.<role>]_auth_config.json``: the issuer of a VO, for this server and for its clients.

Fields as panda-server has them: audience, client_id, client_secret, oidc_config_url, vo, secondary_ids, robot_ids, jwt_profile,
auto_roles. Lists may also be written with commas. What is not for clients is never handed out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from pandad import configchecks
from pandad.api import encode
from pandad.api.access import PUBLIC
from pandad.api.files import FileName
from pandad.api.load import Urgency
from pandad.api.replies.server import AuthConfig
from pandad.api.route import GET, PLAIN, Route
from pandad.api.tokens.accepted import GROUPS_CLAIM, WELL_KNOWN, Accepted
from pandad.spec.caller import Caller
from pandad.spec.errors import BadRequest, NotFound
from pandad.spec.token import vo_and_role

SUFFIX = "_auth_config.json"
PUBLIC_FIELDS = ("audience", "client_id", "client_secret", "oidc_config_url", "vo", "jwt_profile")
PROFILES: Mapping[object, str] = {None: "iam", "": "iam", "iam": "iam", "wlcg": "wlcg"}


class AuthConfigError(Exception):
    """A file, or the folder, cannot be used; `problem` says why and reads on after the path."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path, self.problem = path, problem


class AuthConfigs:
    """What clients fetch to find their issuer.

    :param files: the content of each file by its name, as `read` returns it.
    """

    def __init__(self, files: Mapping[str, Mapping[str, Any]]) -> None:
        self.learn(files)

    def learn(self, files: Mapping[str, Mapping[str, Any]]) -> None:
        """From now on these."""
        self._files = {name: _public(content) for name, content in files.items()}

    @Route("/auth/<name>", GET, PLAIN, access=PUBLIC, gives=AuthConfig, passive=True, takes=FileName, encode=encode.as_json,
           urgency=Urgency.ALWAYS)
    async def auth_config(self, caller: Caller, asked: FileName) -> Mapping[str, Any]:
        """The issuer of a VO. panda-client writes VO:ROLE as it is in PANDA_AUTH_VO."""
        found = self._files.get(asked.name.replace(":", "."))
        if found is None:
            raise NotFound("file", asked.name)
        return found


def read(directory: Path) -> dict[str, Mapping[str, Any]]:
    """The content of the folder's files by their names.

    :raise AuthConfigError: the folder or a file of that kind cannot be read, or a file is no JSON object.
    """
    try:
        paths = sorted(path for path in directory.iterdir() if path.name.endswith(SUFFIX))
    except OSError as error:
        raise AuthConfigError(directory, f"cannot be read ({error.strerror})") from None
    return {path.name: _content(path) for path in paths}


def accepted(directory: Path, files: Mapping[str, Mapping[str, Any]]) -> Iterator[Accepted]:
    """What those files say.

    :raise AuthConfigError: one misses something, or does not make sense.
    """
    for name, content in files.items():
        yield _accepted(directory / name, content)


def _content(path: Path) -> Mapping[str, Any]:
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise AuthConfigError(path, f"cannot be read ({error.strerror})") from None
    except orjson.JSONDecodeError as error:
        raise AuthConfigError(path, f"is not JSON ({error})") from None
    if not isinstance(content, dict):
        raise AuthConfigError(path, "is no JSON object")
    return content


def _accepted(path: Path, content: Mapping[str, Any]) -> Accepted:
    vo, role = _vo_and_role(path, content)
    url = _text(path, content, "oidc_config_url")
    if (refusal := configchecks.discovery(url)) is not None or not url.endswith(WELL_KNOWN):
        raise AuthConfigError(path, f"oidc_config_url {refusal or f'does not end with {WELL_KNOWN}'}")
    issuer = url.removesuffix(WELL_KNOWN)
    profile = PROFILES.get(content.get("jwt_profile"))
    if profile is None:
        raise AuthConfigError(path, "jwt_profile is neither wlcg nor iam")
    client_id = _text(path, content, "client_id")
    audiences = [_text(path, content, "audience"), client_id, *_list(path, content, "secondary_ids")]
    robots = _list(path, content, "robot_ids")
    return Accepted(
        name=path.name, vo=vo, role=role, discovery=url,
        # Its document says with or without a slash at the end, and some of its tokens say the other.
        issuers=frozenset({issuer, issuer + "/"}),
        audiences=frozenset(audiences), groups_claim=GROUPS_CLAIM[profile], auto_roles=tuple(_list(path, content, "auto_roles")),
        robots=dict.fromkeys(robots, (f"{vo}/{role}" if role else vo,)))


def _vo_and_role(path: Path, content: Mapping[str, Any]) -> tuple[str, str]:
    """By the name of the file; the field counts where its colon says where the VO ends."""
    said = content.get("vo")
    name = said if isinstance(said, str) and ":" in said else path.name.removesuffix(SUFFIX)
    try:
        return vo_and_role(name)
    except BadRequest:
        raise AuthConfigError(path, "is not called VO_auth_config.json or VO.ROLE_auth_config.json") from None


def _text(path: Path, content: Mapping[str, Any], field: str) -> str:
    value = content.get(field)
    if not isinstance(value, str) or not value:
        raise AuthConfigError(path, f"{field} is missing, or no text")
    return value


def _list(path: Path, content: Mapping[str, Any], field: str) -> Sequence[str]:
    value = content.get(field) or []
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise AuthConfigError(path, f"{field} is no list of texts")
    return [word.strip() for word in words if word.strip()]


def _public(content: Mapping[str, Any]) -> dict[str, Any]:
    """Clients ask for all of these but the profile, and stop at one that is missing."""
    shown = {"client_secret": "", **content}
    return {field: shown[field] for field in PUBLIC_FIELDS if field in shown}
