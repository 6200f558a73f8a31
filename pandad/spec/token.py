"""Bearer tokens: what can be wrong with one, and how the origin that comes with one names a VO and a role."""

from __future__ import annotations

import re
from collections.abc import Container
from enum import StrEnum
from typing import NamedTuple

from pandad.spec.errors import BadRequest, NotAuthenticated, Unavailable


class TokenFault(StrEnum):
    """Why a token is not good: a word for counters, and in SAYS a sentence for its bearer."""

    HEADER = "header"
    SCHEME = "scheme"
    SIZE = "size"
    FORM = "form"
    JOSE = "jose"
    KEY_IN_HEADER = "key_in_header"
    CRITICAL = "critical"
    TYPE = "type"
    ALGORITHM = "algorithm"
    KID = "kid"
    KEY = "key"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    TIMES = "times"
    EXPIRED = "expired"
    EARLY = "early"
    SUBJECT = "subject"
    ORIGIN = "origin"
    MEMBER = "member"
    ROLE = "role"
    DENIED = "denied"
    OFF = "off"


SAYS: dict[TokenFault, str] = {
    TokenFault.HEADER: "there is more than one Authorization header; send one",
    TokenFault.SCHEME: "the Authorization header has no bearer token; send Authorization: Bearer TOKEN, or use a certificate",
    TokenFault.SIZE: "it is too long",
    TokenFault.FORM: "it is not of the form HEADER.CLAIMS.SIGNATURE with base64url parts; look for quotes, blanks or a cut end",
    TokenFault.JOSE: "its header is not a JSON object with each name once",
    TokenFault.KEY_IN_HEADER: "its header brings or names a key of its own; only keys that the issuer publishes count",
    TokenFault.CRITICAL: "its header demands an extension that this server does not know",
    TokenFault.TYPE: "it is another thing than an ID token or an access token",
    TokenFault.ALGORITHM: "it is not signed with an algorithm that is accepted from its issuer",
    TokenFault.KID: "its header does not say which of the issuer's keys signed it (kid)",
    TokenFault.KEY: "it is signed with a key that its issuer does not publish; get a new token",
    TokenFault.SIGNATURE: "its signature is wrong",
    TokenFault.CLAIMS: "its claims are not a JSON object with each name once",
    TokenFault.ISSUER: "its issuer is not one of those that this server accepts",
    TokenFault.AUDIENCE: "it is for another audience",
    TokenFault.TIMES: "its times (exp, nbf, iat) are not whole numbers of seconds since 1970, or exp is missing",
    TokenFault.EXPIRED: "it has expired; get a new one",
    TokenFault.EARLY: "it is not valid yet; compare the clocks",
    TokenFault.SUBJECT: "its subject (sub) is missing or no plain text of 1 to 255 characters",
    TokenFault.ORIGIN: "the Origin header does not name a VO of its issuer; send Origin: VO or Origin: VO:ROLE",
    TokenFault.MEMBER: "its groups do not make its bearer a member of the VO",
    TokenFault.ROLE: "its groups do not grant the role that the Origin header asks for",
    TokenFault.DENIED: "it has been denied by the administrators",
    TokenFault.OFF: "this server accepts no tokens; connect with a proxy or a certificate",
}


class BadToken(NotAuthenticated):
    """A bearer token, or what came in its place, is not good. The text never has the token, nor any part of its signature.

    :param detail: what the server would have wanted, or a claim that may be shown.
    """

    def __init__(self, fault: TokenFault, detail: str = "") -> None:
        super().__init__(f"bearer token refused: {SAYS[fault]}{detail and f' ({detail})'}")
        self.fault, self.detail = fault, detail


class KeysUnknown(Unavailable):
    """The issuer's keys are not here, or are being asked for: the same token may be good in a moment.

    :param issuer: which.
    """

    def __init__(self, issuer: str, why: str) -> None:
        super().__init__(f"the token cannot be verified now: {why}; come again in a moment")
        self.issuer = issuer


_VO = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_ROLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")


def vo_and_role(origin: str, known: Container[str] = ()) -> tuple[str, str]:
    """What ``VO``, ``VO:ROLE`` or ``VO.ROLE`` says; without a role it is "". Behaviour: panda-server's, in which the last dot
    separates, but for VOs whose names start with ``vo.`` and keep all their dots.

    :param known: VOs whose names are taken as they are, dots or not.
    :raise BadRequest: it says neither.
    """
    text = origin[1:-1] if len(origin) > 1 and origin[0] == origin[-1] == "'" else origin  # pilots quote it for a shell
    vo, colon, role = text.partition(":")
    if not colon and text not in known and not text.startswith("vo."):
        vo, _, role = text.rpartition(".") if "." in text else (text, "", "")
    if not _VO.fullmatch(vo) or ((colon or role) and not _ROLE.fullmatch(role)):
        raise BadRequest("Origin", "must be VO or VO:ROLE")
    return vo, role


class DenialKind(StrEnum):
    """What of an issuer is denied."""

    ISSUER = "issuer"    # all of its tokens
    SUBJECT = "subject"  # all tokens of one subject
    JTI = "jti"          # one token, by its id


class Denial(NamedTuple):
    """What is denied. ``value``: the subject or the id; "" for all of the issuer."""

    issuer: str
    kind: DenialKind
    value: str

    @property
    def words(self) -> str:
        """For a person."""
        return " ".join(filter(None, self))
