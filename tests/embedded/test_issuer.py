"""The sandbox' token issuer: what it publishes, the device flow, and to whom it gives what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import treq
from pytest_twisted import async_yield_fixture, ensureDeferred
from twisted.internet import reactor

from pandad.api.tokens.keys import read_keys
from pandad.embedded.issuer import DEVICE_GRANT, Issuer
from pandad.embedded.tokens import AUDIENCE, CLIENT_ID, PEOPLE

NOW_S = 1_800_000_000.0


@async_yield_fixture
async def issuer(tmp_path: Path) -> AsyncIterator[Issuer]:
    """One that listens."""
    made = Issuer(reactor, tmp_path / "issuer", lambda: NOW_S)
    made.start()
    yield made
    await made.stop()


async def got(issuer: Issuer, path: str) -> Any:
    return await treq.json_content(await treq.get(issuer.url + path, persistent=False))


async def posted(issuer: Issuer, path: str, **given: str) -> Any:
    return await treq.json_content(await treq.post(issuer.url + path, data={"client_id": CLIENT_ID, **given}, persistent=False))


def claims(issuer: Issuer, token: str, audience: str) -> dict[str, Any]:
    """Of a token of this issuer for that audience."""
    key = issuer.signer.key.public_key()
    found: dict[str, Any] = jwt.decode(token, key, ["RS256"], {"verify_exp": False, "verify_iat": False, "verify_nbf": False},
                                       audience=audience, issuer=issuer.url)
    return found


@ensureDeferred
async def test_what_it_publishes(issuer: Issuer) -> None:
    """Its configuration names it, and the key there is the one it signs with; nothing secret is published."""
    configuration = await got(issuer, "/.well-known/openid-configuration")
    assert configuration["issuer"] == issuer.url == f"http://localhost:{issuer.port}"
    keys, problems = read_keys(await got(issuer, configuration["jwks_uri"].removeprefix(issuer.url)))
    assert set(keys) == {issuer.signer.kid} and problems == []


@ensureDeferred
async def test_device_flow(issuer: Issuer) -> None:
    """A device code is good for an ID token for the client and an access token for pandad, once; so is a refresh token."""
    begun = await posted(issuer, "/device_authorization", scope="openid")
    first = await posted(issuer, "/token", grant_type=DEVICE_GRANT, device_code=begun["device_code"])
    assert claims(issuer, first["id_token"], CLIENT_ID)["sub"] == "alice"
    assert claims(issuer, first["access_token"], AUDIENCE)["groups"] == ["sandbox"]
    again = await posted(issuer, "/token", grant_type=DEVICE_GRANT, device_code=begun["device_code"])
    assert again == {"error": "invalid_grant"}
    second = await posted(issuer, "/token", grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert claims(issuer, second["id_token"], CLIENT_ID)["jti"] != claims(issuer, first["id_token"], CLIENT_ID)["jti"]
    assert await posted(issuer, "/token", grant_type="refresh_token", refresh_token=first["refresh_token"]) == again


@ensureDeferred
async def test_signing_in(issuer: Issuer) -> None:
    """Who says that he is bob gets tokens of bob; robots cannot be had so."""
    begun = await posted(issuer, "/device_authorization")
    page = begun["verification_uri_complete"].removeprefix(issuer.url)
    text = await treq.text_content(await treq.get(issuer.url + page, persistent=False))
    assert all(f"user={name}" in text for name in ("alice", "bob")) and "prod" not in text
    for user, says in (("prod", "no such"), ("pilot", "no such"), ("bob", "You are bob")):
        assert says in await treq.text_content(await treq.get(f"{issuer.url}{page}&user={user}", persistent=False))
    tokens = await posted(issuer, "/token", grant_type=DEVICE_GRANT, device_code=begun["device_code"])
    assert claims(issuer, tokens["id_token"], CLIENT_ID)["preferred_username"] == "bob"


@pytest.mark.parametrize("given", [
    {"grant_type": DEVICE_GRANT}, {"grant_type": DEVICE_GRANT, "device_code": "x"}, {"grant_type": "refresh_token"},
    {"grant_type": "password", "username": "alice"}, {"grant_type": "client_credentials"}, {}, {"client_id": "other"}])
@ensureDeferred
async def test_refusals(issuer: Issuer, given: dict[str, str]) -> None:
    """Whatever else is asked for is refused in OAuth's words."""
    assert set(await posted(issuer, "/token", **given)) == {"error"}


@ensureDeferred
async def test_files(issuer: Issuer, tmp_path: Path) -> None:
    """Tokens for each user, without a line end; they and the key are for nobody else's eyes."""
    issuer.write_tokens(tmp_path)
    for user in PEOPLE:
        file = tmp_path / f"{user}.token"
        assert claims(issuer, file.read_text(), AUDIENCE)["sub"] == user
        assert not file.read_bytes().endswith(b"\n") and file.stat().st_mode & 0o077 == 0
    assert (tmp_path / "issuer" / "issuer.key").stat().st_mode & 0o077 == 0


@ensureDeferred
async def test_the_key_stays(issuer: Issuer, tmp_path: Path) -> None:
    """So that tokens stay good when the sandbox was stopped in between."""
    assert Issuer(reactor, tmp_path / "issuer", lambda: NOW_S).signer.kid == issuer.signer.kid


@ensureDeferred
async def test_other_paths(issuer: Issuer) -> None:
    """Are not there."""
    for path in ("/", "/token", "/admin"):
        assert (await treq.get(issuer.url + path, persistent=False)).code == 404
