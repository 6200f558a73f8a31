"""PanDA's auth_config files: what they mean here, and what of them clients see."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from api.conftest import Connection
from pandad.api.auth import Authenticators
from pandad.api.site import build_sites
from pandad.api.tokens import authconfig
from pandad.api.tokens.accepted import Catalogue
from pandad.api.tokens.authconfig import AuthConfigError, AuthConfigs
from pandad.api.tokens.discovery import FetchFailed, KeySource
from pandad.api.tokens.room import Tokens
from pandad.embedded.pki import SandboxPki
from pandad.spec.caller import Caller
from pandad.spec.token import BadToken, TokenFault
from pandad.tokenconfig import TokenIssuerConfig, TokensConfig

from .forge import ISSUER, Request, StoreStandIn, Web, at_once, good, jwks

PLAIN: dict[str, Any] = {
    "audience": "https://panda.test", "client_id": "panda-client", "client_secret": "for all", "vo": "atlas",
    "oidc_config_url": f"{ISSUER}.well-known/openid-configuration", "secondary_ids": ["second"], "robot_ids": "robot, other",
    "auto_roles": ["production"]}
PILOT = {**PLAIN, "client_id": "pilot-client", "audience": "https://pilot.test", "auto_roles": []}


def written(directory: Path, **files: Any) -> Path:
    """The folder with these files; a double underscore stands for a dot."""
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (directory / f"{name.replace('__', '.')}_auth_config.json").write_text(text)
    return directory


def room(directory: Path) -> Tokens:
    """With the issuer's keys in it."""
    made = Tokens(Clock(), StoreStandIn(), TokensConfig(auth_config_directory=directory), lambda: 1_800_000_000)  # type: ignore[arg-type]
    at_once(made.denials.run_once())
    for source in made.sources:
        source._fetch = Web(jwks()).get
        at_once(source.run_once())
    return made


def test_read_again(tmp_path: Path) -> None:
    """What was changed counts at once, for tokens that were taken before too; an issuer that stays keeps its keys; files that
    cannot be used change nothing."""
    here, changes = room(written(tmp_path, atlas=PLAIN)), list[str]()
    here.changed = changes.append
    (source,), mine = here.sources, good(aud="https://panda.test")
    before = ask(here, mine, "atlas")
    assert before == ("/atlas/Role=production", "/atlas", "/atlas/production")
    for content, outcome in (
            (PLAIN, before), ("{", before), ({**PLAIN, "audience": 5}, before), ({**PLAIN, "auto_roles": []}, before[1:]),
            ({**PLAIN, "audience": "https://other.test"}, TokenFault.AUDIENCE)):
        written(tmp_path, atlas=content)
        assert at_once(here.run_once()) is False
        assert ask(here, mine, "atlas") == outcome
        assert here.sources == [source]
    assert changes == ["the auth_config files atlas_auth_config.json"] * 2
    (tmp_path / "atlas_auth_config.json").unlink()
    at_once(here.run_once())
    assert (here.sources, ask(here, mine, "atlas"), len(changes)) == ([], TokenFault.OFF, 3)
    written(tmp_path, atlas=PLAIN)
    at_once(here.run_once())
    assert here.sources != [source] and len(here.sources) == 1


IAM = TokenIssuerConfig(issuer=ISSUER, vo="atlas", audience=("https://panda.test",), auto_roles=("production",))


def test_another_configuration(tmp_path: Path) -> None:
    """Issuers come, change and go with the configuration; those that stay keep their keys. One that cannot be used changes
    nothing."""
    here, followed = room(written(tmp_path, atlas=PLAIN)), list[int]()
    here.followed = lambda: followed.append(len(here.sources))
    (source,), mine = here.sources, good(aud="https://panda.test")
    config = TokensConfig(issuers={"iam": IAM}, auth_config_directory=tmp_path, refresh_s=77)
    member = ("/atlas/Role=production", "/atlas", "/atlas/production")
    assert ask(here, mine, "atlas") == member
    written(tmp_path, atlas={**PLAIN, "auto_roles": []})
    here.adopt(config)
    assert ask(here, mine, "atlas") == member and followed == [1] and here.sources == [source]
    here.adopt(replace(config, issuers={"iam": replace(IAM, auto_roles=())}))
    assert ask(here, mine, "atlas") == member[1:]
    for bad in (replace(config, auth_config_directory=tmp_path / "none"), replace(config, ca_file=tmp_path / "none")):
        with pytest.raises((AuthConfigError, FetchFailed), match="none"):
            here.adopt(bad)
        assert here.sources == [source] and ask(here, mine, "atlas") is not TokenFault.OFF
    assert here.adopt(TokensConfig(denials_s=1)).denials_s == config.denials_s
    assert ask(here, mine, "atlas") is TokenFault.OFF and here.sources == []


def test_other_authorities(tmp_path: Path, pki: SandboxPki) -> None:
    """Keys that came by way of authorities that are not believed any more do not count; the file of authorities is read again,
    and while it cannot be used those of before are believed."""
    here = room(written(tmp_path, atlas=PLAIN))
    (source,), ca_file = here.sources, tmp_path / "ca.pem"
    ca_file.write_bytes(next(pki.ca_directory.glob("*.0")).read_bytes())
    here.adopt(TokensConfig(auth_config_directory=tmp_path, ca_file=ca_file))
    assert here.sources != [source] and here.sources[0].published() is None
    fetch = here.sources[0]._fetch
    at_once(here.run_once())
    assert here.problem == "" and fetch is not (fetch := here.sources[0]._fetch)
    ca_file.write_text("nothing")
    at_once(here.run_once())
    assert str(ca_file) in here.problem and here.sources[0]._fetch is fetch


def ask(tokens: Tokens, token: bytes, origin: str) -> tuple[str, ...] | TokenFault:
    """FQANs, or why not."""
    try:
        found = at_once(tokens.authenticator.authenticate(Request([b"Bearer " + token], origin)))
    except BadToken as refused:
        return refused.fault
    assert found is not None and found.identity.anchor == ISSUER
    return found.fqans


def test_what_they_accept(tmp_path: Path) -> None:
    """Audience, client id and secondary ids are audiences; robots have the file's role; roles come unasked where it says so."""
    tokens = room(written(tmp_path, atlas=PLAIN, atlas__pilot=PILOT))
    member = ("/atlas/Role=production", "/atlas", "/atlas/production")
    for audience in ("https://panda.test", "panda-client", "second"):
        assert ask(tokens, good(aud=audience), "atlas") == member
    assert ask(tokens, good(aud="https://pilot.test"), "atlas") is TokenFault.AUDIENCE
    robot = good(aud="https://pilot.test", sub="robot", groups=None)
    assert ask(tokens, robot, "atlas:pilot") == ("/atlas/Role=pilot", "/atlas/pilot")
    assert ask(tokens, good(aud="https://pilot.test", sub="alice-1", groups=None), "atlas:pilot") is TokenFault.ROLE
    assert ask(tokens, good(aud="panda-client", sub="other", groups=None), "atlas") == ("/atlas",)


def test_the_issuers_name(tmp_path: Path) -> None:
    """Some of its tokens leave the slash at the end out; it stays one issuer, and others are none."""
    tokens = room(written(tmp_path, atlas=PLAIN))
    assert len(tokens.sources) == 1
    assert ask(tokens, good(iss=ISSUER[:-1]), "atlas") == ask(tokens, good(), "atlas")
    for issuer in (f"{ISSUER}/", f"{ISSUER}x", "https://iam.test.evil.test/"):
        assert ask(tokens, good(iss=issuer), "atlas") is TokenFault.ISSUER


def test_wlcg_groups(tmp_path: Path) -> None:
    """With jwt_profile wlcg the groups stand elsewhere."""
    tokens = room(written(tmp_path, atlas={**PLAIN, "jwt_profile": "wlcg", "auto_roles": None}))
    assert ask(tokens, good(), "atlas") is TokenFault.MEMBER
    assert ask(tokens, good(**{"wlcg.groups": ["/atlas"]}), "atlas") == ("/atlas",)


@pytest.mark.parametrize(("name", "content", "vo", "role"), [
    ("atlas", {}, "atlas", ""), ("atlas__pilot", {}, "atlas", "pilot"), ("vo__x__org", {}, "vo.x.org", ""),
    ("vo__x__org__pilot", {"vo": "vo.x.org:pilot"}, "vo.x.org", "pilot"),
    ("Rubin__production", {"vo": "Rubin"}, "Rubin", "production")])
def test_vo_and_role(tmp_path: Path, name: str, content: dict[str, Any], vo: str, role: str) -> None:
    """By the name of the file; by the field where a colon says where the VO ends."""
    directory = written(tmp_path, **{name: {**PLAIN, **content}})
    (found,) = authconfig.accepted(directory, authconfig.read(directory))
    assert (found.vo, found.role) == (vo, role)


BAD: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "is not JSON"),
    "a list": ([], "is no JSON object"),
    "no audience": ({**PLAIN, "audience": None}, "audience is missing"),
    "no client": ({**PLAIN, "client_id": ""}, "client_id is missing"),
    "no address": ({"audience": "x", "client_id": "x"}, "oidc_config_url is missing"),
    "by http": ({**PLAIN, "oidc_config_url": "http://iam.test/.well-known/openid-configuration"}, "write https"),
    "another address": ({**PLAIN, "oidc_config_url": "https://iam.test/x"}, "does not end with /.well-known/"),
    "profile": ({**PLAIN, "jwt_profile": "x"}, "neither wlcg nor iam"),
    "robots": ({**PLAIN, "robot_ids": {"a": 1}}, "robot_ids is no list"),
    "numbers": ({**PLAIN, "secondary_ids": [1]}, "secondary_ids is no list"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files(tmp_path: Path, name: str) -> None:
    """A file that cannot be used is named, with what is wrong."""
    content, says = BAD[name]
    directory = written(tmp_path, atlas=content)
    with pytest.raises(AuthConfigError, match=says) as caught:
        list(authconfig.accepted(directory, authconfig.read(directory)))
    assert str(directory / "atlas_auth_config.json") in str(caught.value)


def test_bad_folders(tmp_path: Path) -> None:
    """So is a folder, and a file whose name does not say which VO it is about. Other files are nobody's business."""
    with pytest.raises(AuthConfigError, match="cannot be read"):
        authconfig.read(tmp_path / "none")
    with pytest.raises(AuthConfigError, match="is not called"):
        directory = written(tmp_path, **{"a b": PLAIN})
        list(authconfig.accepted(directory, authconfig.read(directory)))
    (tmp_path / "secrets.json").write_text("{}")
    assert list(authconfig.read(tmp_path)) == ["a b_auth_config.json"]


def test_what_clients_see(tmp_path: Path) -> None:
    """What panda-client asks for, on either port, without an identity; never the robots and what else only the server needs."""
    written(tmp_path, atlas=PLAIN, atlas__pilot=PILOT)
    (tmp_path / "keys.json").write_text("{}")
    sites = build_sites([AuthConfigs(authconfig.read(tmp_path))], Authenticators([], Caller).identify, str, Clock())  # type: ignore[arg-type]
    for site in (sites.active, sites.passive):
        for path, content in (("atlas_auth_config.json", PLAIN), ("atlas.pilot_auth_config.json", PILOT),
                              ("atlas:pilot_auth_config.json", PILOT), ("atlas%3Apilot_auth_config.json", PILOT)):
            got = got_from(Connection(site), path)
            assert got == {name: content[name] for name in ("audience", "client_id", "client_secret", "oidc_config_url", "vo")}
        for path in ("keys.json", "x_auth_config.json", "..%2fkeys.json", "", "../auth/keys.json", "%00_auth_config.json"):
            assert got_from(Connection(site), path) is None


def got_from(connection: Connection, name: str) -> Any:
    """The JSON at /auth/NAME; None if there is nothing."""
    connection.send(b"GET /auth/%b HTTP/1.1\r\nHost: x\r\n\r\n" % name.encode())
    got = connection.got()
    return got.json if got.status == 200 else None


def test_catalogues_know_their_vos(tmp_path: Path) -> None:
    """So that VOs with dots in their names are understood."""
    directory = written(tmp_path, x={**PLAIN, "vo": "x.y:pilot"})
    found = Catalogue(tuple(authconfig.accepted(directory, authconfig.read(directory))))
    assert found.vos == {"x.y"} and isinstance(room(directory).sources[0], KeySource)
