"""What a good token proves, for how long, and what it costs the next time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pandad.api.tokens import authenticator
from pandad.spec.caller import Identity
from pandad.spec.token import BadToken, DenialKind, KeysUnknown, TokenFault
from pandad.tokenconfig import TokensConfig

from .forge import (
    AUDIENCE,
    ISSUER,
    LEEWAY_S,
    NOW_S,
    OTHER_ISSUER,
    ROBOT,
    Stand,
    ec_signer,
    es256,
    good,
    good_claims,
    made,
    published,
    rsa_signer,
    stand,
    token,
)


@pytest.fixture
def here() -> Stand:
    """Two issuers, one for atlas, one for vo.x.org."""
    return stand()


def refused(here: Stand, text: bytes, origin: str | None = "atlas") -> TokenFault:
    """Why it is."""
    with pytest.raises(BadToken) as caught:
        here.ask(text, origin)
    return caught.value.fault


def by_ec(number: int = 0, **but: object) -> bytes:
    """A good token, signed with an elliptic curve key."""
    signer = ec_signer(number)
    return token({"alg": "ES256", "kid": signer.kid}, good_claims(**but), es256(signer.key))  # type: ignore[arg-type]


def test_a_good_token(here: Stand) -> None:
    """Issuer and subject are the identity, the groups are FQANs, names are labels."""
    found = here.ask(good())
    assert found is not None
    assert found.identity == Identity(ISSUER, "alice-1")
    assert (found.kind, found.vo, found.nickname, found.host) == ("token", "atlas", "alice", "192.0.2.1")
    assert found.fqans == ("/atlas", "/atlas/production")
    assert found.not_after == datetime.fromtimestamp(NOW_S + 3600, UTC)
    assert not found.limited


@pytest.mark.parametrize("origin", ["atlas:production", "atlas.production", "'atlas:production'"])
def test_a_role_that_is_asked_for(here: Stand, origin: str) -> None:
    """It comes first, in any spelling of panda-client, pilots and Harvester."""
    found = here.ask(good(), origin)
    assert found is not None and found.fqans == ("/atlas/Role=production", "/atlas", "/atlas/production")


def test_a_role_that_is_not_granted(here: Stand) -> None:
    """Who is refused for his groups hears whom the server takes him for, and which groups it saw."""
    said = r"you are alice-1 \(vouched for by https://iam.test/\), with groups: /atlas, /atlas/g0,.* and 12 more\)"
    with pytest.raises(BadToken, match=rf"do not grant the role .*\(atlas/pilot; {said}"):
        here.ask(good(groups=["atlas", *(f"atlas/g{n}" for n in range(21))]), "atlas:pilot")
    with pytest.raises(BadToken, match=r"a member of the VO \(atlas; .*claim groups; you are alice-1 .*, with groups: none\)"):
        here.ask(good(groups=["cms"]), "atlas")


def test_a_role_is_not_there_unasked(here: Stand) -> None:
    """Who may act for production does not always."""
    found = here.ask(good())
    assert found is not None and not any("Role" in fqan for fqan in found.fqans)


def test_vos_with_dots(here: Stand) -> None:
    """The dots of vo.x.org are its own; a role follows a colon. Its issuer has WLCG groups, and roles that come unasked."""
    text = by_ec(1, iss=OTHER_ISSUER, groups=None, **{"wlcg.groups": ["/vo.x.org", "/vo.x.org/production"]})
    for origin in ("vo.x.org", "vo.x.org:production", None):
        found = here.ask(text, origin)
        assert found is not None and found.vo == "vo.x.org" and found.fqans[0] == "/vo.x.org/Role=production"


def test_elliptic_curves(here: Stand) -> None:
    """ES256 is as good as RS256."""
    assert here.ask(by_ec()) is not None


@pytest.mark.parametrize("audience", [AUDIENCE, ["x", AUDIENCE], "panda-client"])
def test_audiences(here: Stand, audience: object) -> None:
    """One of those that the configuration names, alone or among others."""
    assert here.ask(good(aud=audience)) is not None


def test_translated_groups(here: Stand) -> None:
    """Groups that are called otherwise become what the configuration says."""
    text = good(groups=["odd name", "sub"])
    assert here.ask(text).fqans == ("/atlas/sub",)  # type: ignore[union-attr]
    assert here.ask(text, "atlas:odd").fqans == ("/atlas/Role=odd", "/atlas/sub")  # type: ignore[union-attr]


def test_scopes(here: Stand) -> None:
    """A scope takes on a role that the groups grant, or that the configuration lets scopes grant."""
    assert here.ask(good(scope="openid role:production")).fqans[0] == "/atlas/Role=production"  # type: ignore[union-attr]
    assert here.ask(good(scope="role:scoped")).fqans[0] == "/atlas/Role=scoped"  # type: ignore[union-attr]
    assert here.ask(good(scope="role:admin")).fqans == ("/atlas", "/atlas/production")  # type: ignore[union-attr]


def test_robots(here: Stand) -> None:
    """A client that acts for itself has the groups of the configuration."""
    assert here.ask(good(sub=ROBOT, groups=None), "atlas:pilot").fqans == (  # type: ignore[union-attr]
        "/atlas/Role=pilot", "/atlas/pilot")


def test_no_token(here: Stand) -> None:
    """Without the header there is nothing to say."""
    assert here.ask_raw([]) is None


def test_times_are_looked_at_for_each_call(here: Stand) -> None:
    """A remembered token ends on its second; one from an issuer whose clock is ahead is good up to the leeway."""
    text = good(iat=NOW_S + LEEWAY_S, nbf=NOW_S + LEEWAY_S)
    assert here.ask(text) is here.ask(text)
    here.now_s = NOW_S - 1
    assert refused(here, text) is TokenFault.EARLY
    here.now_s = NOW_S + 3599.9
    assert here.ask(text) is not None
    here.now_s = NOW_S + 3600
    assert refused(here, text) is TokenFault.EXPIRED
    here.now_s = NOW_S
    assert here.ask(text) is not None


def test_who_comes_again_is_the_same_object(here: Stand) -> None:
    """So that what follows from it is remembered as well; from another host it is another one."""
    text = good()
    assert here.ask(text) is here.ask(text)
    assert here.ask(text, host="192.0.2.2").host == "192.0.2.2"  # type: ignore[union-attr]


def test_memory_is_bounded(here: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many hosts a token comes from."""
    monkeypatch.setattr(authenticator, "REMEMBERED", 100)
    text = good()
    for number in range(150):
        here.ask(text, host=f"h{number}")
    assert len(here.authenticator._known) == 100


def test_nothing_shows_the_token(here: Stand) -> None:
    """Neither what is remembered nor what is returned."""
    text = good()
    shown = repr(here.ask(text)) + repr(here.authenticator._known)
    assert not any(piece in shown for piece in text.decode().split("."))


@pytest.mark.parametrize(
    ("kind", "value"), [(DenialKind.JTI, "token-1"), (DenialKind.SUBJECT, "alice-1"), (DenialKind.ISSUER, "")])
def test_denials(here: Stand, kind: DenialKind, value: str) -> None:
    """A token that was good a moment ago is refused as soon as it is denied, and says why; others go on."""
    text = good()
    assert here.ask(text) is not None
    here.deny(kind, value)
    with pytest.raises(BadToken, match="denied by the administrators .stolen.") as caught:
        here.ask(text)
    assert caught.value.fault is TokenFault.DENIED
    other = by_ec(1, iss=OTHER_ISSUER, groups=None, **{"wlcg.groups": ["vo.x.org"]})
    assert here.ask(other, "vo.x.org") is not None


def test_denials_of_nobody_else(here: Stand) -> None:
    """A denial is of that issuer's."""
    here.deny(DenialKind.SUBJECT, "alice-1", OTHER_ISSUER)
    here.deny(DenialKind.JTI, "", ISSUER)
    assert here.ask(good()) is not None
    assert here.ask(good(jti=7)) is not None


def test_before_the_denials_are_known() -> None:
    """Nobody is let in who may have been denied: come again."""
    here = stand()
    here.denials._reasons = None
    with pytest.raises(KeysUnknown, match="come again"):
        here.ask(good())


def test_a_withdrawn_key(here: Stand) -> None:
    """What was verified with a key that its issuer has withdrawn since is not good any more."""
    text = good()
    assert here.ask(text) is not None
    here.web.documents.update(published(ISSUER, [ec_signer().jwk()]))
    here.clock.advance(600)
    here.fetch()
    with pytest.raises(KeysUnknown):  # it is looked for once
        here.ask(text)
    here.fetch()
    assert refused(here, text) is TokenFault.KEY
    assert here.ask(by_ec()) is not None


def test_a_new_key(here: Stand) -> None:
    """Whose token is signed with a key that is not here yet is told to come again, and is let in when it is."""
    new = rsa_signer(2048, 1)
    text = new.sign(good_claims()).encode()
    assert refused(here, text) is TokenFault.KEY  # a fetch for another unknown key was less than a minute ago
    here.web.documents.update(published(ISSUER, [rsa_signer().jwk(), new.jwk()]))
    here.clock.advance(60)
    for _ in range(2):
        with pytest.raises(KeysUnknown, match="its key is being asked for; come again"):
            here.ask(text)
    here.fetch()
    assert here.ask(text) is not None
    assert here.ask(good()) is not None


def test_unknown_keys_are_asked_for_once_a_minute(here: Stand) -> None:
    """However many tokens name one."""
    before = len(here.web.asked)
    for _ in range(10):
        here.clock.advance(12)
        for number in range(50):
            with pytest.raises((BadToken, KeysUnknown)):
                here.ask(made({"alg": "RS256", "kid": f"k{number}"}))
        here.fetch()
    assert len(here.web.asked) - before == 2 * 2  # minutes, times configuration and keys


def test_nothing_configured() -> None:
    """A server without issuers says so."""
    assert refused(stand({}, TokensConfig()), good()) is TokenFault.OFF
