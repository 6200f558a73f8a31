"""Attacks on the verification of tokens: what is sent, and the one reason for which it is to be refused.

Each is a good token or a good request with a single thing turned: next to it the good one is let in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from pandad.embedded.tokens import Signer
from pandad.spec.token import TokenFault

from .forge import (
    AUDIENCE,
    ISSUER,
    NOW_S,
    OTHER_ISSUER,
    ROBOT,
    b64,
    ec_signer,
    es256,
    good,
    good_claims,
    good_header,
    hs256,
    made,
    part,
    public_pem,
    published,
    rs256,
    rsa_signer,
)

F = TokenFault


@dataclass(frozen=True)
class Attack:
    """``authorization``: the values of the header. ``documents``: what issuers publish instead of the usual."""

    name: str
    fault: TokenFault
    authorization: Sequence[bytes]
    origin: str | None = "atlas"
    documents: Mapping[str, object] | None = field(default=None, repr=False)


def bearer(name: str, fault: TokenFault, text: bytes, origin: str | None = "atlas", **more: Any) -> Attack:
    """A request with that as its one token."""
    return Attack(name, fault, [b"Bearer " + text], origin, **more)


def rsa_key(signer: Signer) -> rsa.RSAPrivateKey:
    assert isinstance(signer.key, rsa.RSAPrivateKey)
    return signer.key


def ec_key(signer: Signer) -> ec.EllipticCurvePrivateKey:
    assert isinstance(signer.key, ec.EllipticCurvePrivateKey)
    return signer.key


def around_the_token() -> Iterator[Attack]:
    """The header that it comes in."""
    text = good()
    for name, value, fault in (
        ("basic", b"Basic YWxpY2U6c2VjcmV0", F.SCHEME),
        ("digest", b'Digest username="alice"', F.SCHEME),
        ("negotiate", b"Negotiate YII=", F.SCHEME),
        ("no scheme", text, F.SCHEME),
        ("empty", b"", F.SCHEME),
        ("bearer with a colon", b"Bearer: " + text, F.SCHEME),
        ("bearer with a tab", b"Bearer\t" + text, F.SCHEME),
        ("token scheme", b"Token " + text, F.SCHEME),
        ("only the scheme", b"Bearer", F.FORM),
        ("scheme and blanks", b"Bearer    ", F.FORM),
        ("two tokens", b"Bearer " + text + b" " + text, F.FORM),
        ("two tokens with a comma", b"Bearer " + text + b", Bearer " + text, F.FORM),
        ("quoted", b'Bearer "' + text + b'"', F.FORM),
        ("None", b"Bearer None", F.FORM),
        ("as a parameter", b"Bearer token=" + text, F.FORM),
    ):
        yield Attack(name, fault, [value])
    yield Attack("two headers", F.HEADER, [b"Bearer " + text] * 2)
    yield Attack("a good header and a bad one", F.HEADER, [b"Bearer " + text, b"Bearer x"])
    yield Attack("a bad header and a good one", F.HEADER, [b"Basic x", b"Bearer " + text])


def form() -> Iterator[Attack]:
    """What is no compact JWS, or not the only way to write one."""
    text = good()
    head, claims, signature = text.split(b".")
    for name, bad in {
        "no dot": head + claims,
        "one dot": head + b"." + claims,
        "no signature": head + b"." + claims + b".",
        "no claims": head + b".." + signature,
        "no header": b"." + claims + b"." + signature,
        "dot in front": b"." + text,
        "dot behind": text + b".",
        "a fourth part": text + b"." + signature,
        "a JWE": text + b"." + head + b"." + head,
        "padded": text + b"=",
        "padded header": head + b"==." + claims + b"." + signature,
        "blank inside": head + b". " + claims + b"." + signature,
        "newline inside": head + b".\n" + claims + b"." + signature,
        "NUL behind": text + b"\0",
        "plus": head + b"." + claims + b".+" + signature[1:],
        "slash": head + b"." + claims + b"./" + signature[1:],
        "percent": text.replace(b".", b"%2E"),
        "umlaut": text + "ü".encode(),
        "one character too many": head + b"." + claims + b"." + signature + b"AAA",
        "serialised as JSON": json.dumps({"payload": claims.decode(), "protected": head.decode()}).encode(),
        "only dots": b"..",
    }.items():
        yield bearer(name, F.FORM, bad)
    for name, bad in (("header", _respelled(head) + b"." + claims + b"." + signature),
                      ("claims", head + b"." + _respelled(part(good_claims(jti="x1"))) + b"." + signature),
                      ("signature", head + b"." + claims + b"." + _respelled(signature))):
        yield bearer(f"spare bits of the {name}", F.FORM, bad)
    yield bearer("9 KiB", F.SIZE, good(padding="x" * 9 * 1024))
    yield bearer("64 KiB", F.SIZE, good(padding="x" * 64 * 1024))
    yield bearer("64 KiB of signature", F.SIZE, text + b"A" * 64 * 1024)


def _respelled(encoded: bytes) -> bytes:
    """Other text that careless decoders take for the same."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    while len(encoded) % 4 == 0:
        encoded = encoded[:-2]
    last = alphabet.index(encoded[-1:])
    return encoded[:-1] + alphabet[last + 1:last + 2]


def algorithms() -> Iterator[Attack]:
    """Signatures of the wrong kind, and of no kind."""
    kid, pem = rsa_signer().kid, public_pem(rsa_signer())
    der = rsa_key(rsa_signer()).public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    for name in ("none", "None", "NONE", "nOnE", "", " none", "rs256", "RS256 ", "RS256\0", "ＲＳ256", "RS257"):
        yield bearer(f"alg {name!r}", F.ALGORITHM, made(good_header(alg=name)))
    for value in (0, False, ["RS256"], {"alg": "RS256"}):
        yield bearer(f"alg {value!r}", F.ALGORITHM, made(good_header(alg=value)))
    yield bearer("alg missing", F.ALGORITHM, made(good_header(alg=None)))
    yield bearer("alg none, signature of a letter", F.ALGORITHM, made(good_header(alg="none"), sign=lambda data: b"x"))
    secrets = {"PEM": pem, "PEM without its end": pem.strip(), "DER": der, "nothing": b"", "kid": kid.encode()}
    for name, secret in secrets.items():
        for alg, digest in (("HS256", "sha256"), ("HS512", "sha512")):
            yield bearer(f"{alg} with {name}", F.ALGORITHM, made(good_header(alg=alg), sign=hs256(secret, digest)))
    yield bearer("HS256 called RS256", F.SIGNATURE, made(sign=hs256(pem)))
    for alg in ("RS384", "RS512", "PS256", "PS512", "ES384", "ES512", "ES256K", "EdDSA", "RSA-OAEP", "dir"):
        yield bearer(alg, F.ALGORITHM, made(good_header(alg=alg)))
    key = rsa_key(rsa_signer())
    digests: dict[str, hashes.HashAlgorithm] = {"SHA1": hashes.SHA1(), "SHA512": hashes.SHA512()}
    for name, digest_of in digests.items():
        yield bearer(f"RS256 over {name}", F.SIGNATURE, made(sign=_rsa_over(key, digest_of)))
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    yield bearer("PSS called RS256", F.SIGNATURE, made(sign=lambda data: key.sign(data, pss, hashes.SHA256())))
    curved = es256(ec_key(ec_signer()))
    yield bearer("ES256 with the name of an RSA key", F.ALGORITHM, made(good_header(alg="ES256"), sign=curved))
    yield bearer("RS256 with the name of a curve's key", F.ALGORITHM, made(good_header(kid=ec_signer().kid)))
    yield bearer("an algorithm that this issuer may not use", F.ALGORITHM,
                 made(good_header(), good_claims(iss=OTHER_ISSUER, **{"wlcg.groups": ["vo.x.org"]})), "vo.x.org")


def _rsa_over(key: rsa.RSAPrivateKey, digest: hashes.HashAlgorithm) -> Callable[[bytes], bytes]:
    return lambda data: key.sign(data, padding.PKCS1v15(), digest)


def headers() -> Iterator[Attack]:
    """What a header may say, and must not be listened to."""
    own, own_jwk = rsa_signer(2048, 7), rsa_signer(2048, 7).jwk()
    for name, value in (("jku", "https://evil.test/jwks"), ("jku", f"{ISSUER}jwks"), ("x5u", "https://evil.test/x.pem"),
                        ("jwk", own_jwk), ("x5c", ["MIIB"])):
        for whose, signer in (("his own", own), ("a good", rsa_signer())):
            text = made(good_header(**{name: value}), sign=rs256(rsa_key(signer)))
            yield bearer(f"{name} {str(value)[:20]}, {whose} key", F.KEY_IN_HEADER, text)
    for crit in (["exp"], ["b64"], ["http://evil.test/x"], [], "exp", None):
        yield bearer(f"crit {crit!r}", F.CRITICAL, made({**good_header(), "crit": crit, "exp": NOW_S}))
    yield bearer("b64 false", F.CRITICAL, made(good_header(b64=False)))
    yield bearer("b64 false, detached", F.FORM, part(good_header(b64=False, crit=["b64"])) + b".." + b64(b"x" * 256))
    for kind in ("JWE", "logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE+JSON", "", 7, ["JWT"]):
        yield bearer(f"typ {kind!r}", F.TYPE, made(good_header(typ=kind)))
    for name, value in (("cty", "JWT"), ("enc", "A128GCM"), ("zip", "DEF")):
        yield bearer(name, F.TYPE, made(good_header(**{name: value})))
    yield bearer("nested in another", F.TYPE, made(good_header(cty="JWT"), made()))
    for kid in (None, "", 7, ["x"], {"x": 1}, True, "k" * 256, "k" * 5000):
        yield bearer(f"kid {len(str(kid))} {str(kid)[:20]!r}", F.KID, made(good_header(kid=kid)))
    known = rsa_signer().kid
    for kid in ("../../../../etc/passwd", "/dev/null", "https://evil.test/jwks", "x' OR '1'='1", "x'; DROP TABLE job; --", "\0",
                known + "\0", known.upper() + "x", f" {known}", "$(id)", "|id", "%00", "{{7*7}}"):
        yield bearer(f"kid {kid[:30]!r}", F.KEY, made(good_header(kid=kid)))
    head, proper = json.dumps(good_header()), good_header()
    for name, bad in {
        "alg twice": head[:-1] + ', "alg": "none"}',
        "kid twice": '{"kid": "x", ' + head[1:],
        "names twice by escapes": head[:-1] + ', "\\u0061lg": "none"}',
        "a list": json.dumps([proper]),
        "a text": json.dumps(head),
        "null": "null",
        "not JSON": head[:-1],
        "something behind": head + "x",
        "NaN": head[:-1] + ', "x": NaN}',
        "nested": head[:-1] + ', "x": ' + "[" * 1500 + "]" * 1500 + "}",
        "a long number": head[:-1] + ', "x": ' + "9" * 5000 + "}",
    }.items():
        yield bearer(f"header: {name}", F.JOSE, made(bad.encode()))
    yield bearer("header: UTF-16", F.JOSE, made(head.encode("utf-16")))
    yield bearer("header: a byte order mark", F.JOSE, made(b"\xef\xbb\xbf" + head.encode()))
    yield bearer("header: no UTF-8", F.JOSE, made(head[:-1].encode() + b', "x": "\xff"}'))


def signatures() -> Iterator[Attack]:
    """Signed by others, or changed after it was signed."""
    yield bearer("by a stranger", F.SIGNATURE, made(sign=rs256(rsa_key(rsa_signer(2048, 7)))))
    others = ec_signer(1)
    yield bearer("by the key of another issuer", F.KEY, made({"alg": "ES256", "kid": others.kid}, sign=es256(ec_key(others))))
    curve = {"alg": "ES256", "kid": ec_signer().kid}
    yield bearer("by a stranger's curve", F.SIGNATURE, made(curve, sign=es256(ec_key(ec_signer(7)))))
    yield bearer("curve: zeros", F.SIGNATURE, made(curve, sign=lambda data: b"\0" * 64))
    yield bearer("curve: ones", F.SIGNATURE, made(curve, sign=lambda data: (b"\0" * 31 + b"\1") * 2))
    key = ec_key(ec_signer())
    yield bearer("curve: as DER", F.SIGNATURE, made(curve, sign=lambda data: key.sign(data, ec.ECDSA(hashes.SHA256()))))
    yield bearer("curve: too long", F.SIGNATURE, made(curve, sign=lambda data: es256(key)(data) + b"\0"))
    yield bearer("curve: half", F.SIGNATURE, made(curve, sign=lambda data: es256(key)(data)[:32]))
    sign = rs256(rsa_key(rsa_signer()))
    yield bearer("zeros", F.SIGNATURE, made(sign=lambda data: b"\0" * 256))
    yield bearer("one byte", F.SIGNATURE, made(sign=lambda data: b"\1"))
    yield bearer("cut", F.SIGNATURE, made(sign=lambda data: sign(data)[:-1]))
    yield bearer("lengthened", F.SIGNATURE, made(sign=lambda data: sign(data) + b"\0"))
    yield bearer("zeros in front", F.SIGNATURE, made(sign=lambda data: b"\0\0" + sign(data)))
    yield bearer("of something else", F.SIGNATURE, made(sign=lambda data: sign(b"x" + data)))
    head, _, signature = good().split(b".")
    changes: dict[str, dict[str, Any]] = {
        "subject": {"sub": "bob-2"}, "groups": {"groups": ["atlas", "atlas/pilot"]}, "end": {"exp": NOW_S + 10**8},
        "audience": {"aud": [AUDIENCE, "x"]}, "a new claim": {"scope": "role:scoped"}}
    for name, change in changes.items():
        yield bearer(f"changed {name}", F.SIGNATURE, head + b"." + part(good_claims(**change)) + b"." + signature)
    indented = part(json.dumps(good_claims(), indent=1).encode())
    yield bearer("spelled otherwise", F.SIGNATURE, head + b"." + indented + b"." + signature)


def keys() -> Iterator[Attack]:
    """Keys that an issuer publishes and that must not count."""
    def publishing(name: str, jwk: Mapping[str, Any], text: bytes) -> Attack:
        return bearer(f"published: {name}", F.KEY, text, documents={
            **published(ISSUER, [jwk, rsa_signer(2048, 5).jwk()]), **published(OTHER_ISSUER, [ec_signer(1).jwk()])})

    for bits in (1024, 1536):
        weak = rsa_signer(bits)
        yield publishing(f"RSA-{bits}", weak.jwk(), made(good_header(kid=weak.kid), sign=rs256(rsa_key(weak))))
    for name, but in {
        "RSA-512": {"n": b64(b"\xc5" + b"\x11" * 63).decode()},
        "even exponent": {"e": b64(b"\2").decode()},
        "exponent 1": {"e": b64(b"\1").decode()},
        "for encryption": {"use": "enc"},
        "for signing only": {"key_ops": ["sign"]},
        "for RS512": {"alg": "RS512"},
        "for RSA-OAEP": {"alg": "RSA-OAEP"},
        "called EC": {"kty": "EC"},
        "called oct": {"kty": "oct", "k": "AAAA"},
        "called OKP": {"kty": "OKP"},
        "no modulus": {"n": ""},
        "modulus a list": {"n": [1]},
        "a secret one": json.loads(_secret_jwk()),
    }.items():
        yield publishing(name, {**rsa_signer().jwk(), **but}, made())
    curve, text = ec_signer().jwk(), made({"alg": "ES256", "kid": ec_signer().kid}, sign=es256(ec_key(ec_signer())))
    zero = b64(b"\0" * 32).decode()
    for name, but in {"a point off the curve": {"y": curve["x"]}, "the point zero": {"x": zero, "y": zero}, "no y": {"y": ""},
                      "coordinates too long": {"x": curve["x"] + "AAAA"}, "curve P-384": {"crv": "P-384"},
                      "curve secp256k1": {"crv": "secp256k1"}}.items():
        yield publishing(name, {**curve, **but}, text)
    secret = {"kty": "oct", "k": b64(b"shared").decode(), "kid": "shared", "alg": "HS256"}
    attack = publishing("a shared secret", secret, made({"alg": "RS256", "kid": "shared"}, sign=hs256(b"shared")))
    yield attack
    ed = ed25519.Ed25519PrivateKey.generate()
    x = ed.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    yield publishing("Ed25519", {"kty": "OKP", "crv": "Ed25519", "x": b64(x).decode(), "kid": "ed"},
                     made({"alg": "RS256", "kid": "ed"}, sign=ed.sign))
    twins = {**published(ISSUER, [rsa_signer().jwk(), {**rsa_signer(2048, 7).jwk(), "kid": rsa_signer().kid}, ec_signer().jwk()]),
             **published(OTHER_ISSUER, [ec_signer(1).jwk()])}
    for signer in (rsa_signer(), rsa_signer(2048, 7)):
        text = made(sign=rs256(rsa_key(signer)))
        yield bearer(f"published: two of one name, by {signer is rsa_signer()}", F.KEY, text, documents=twins)


def _secret_jwk() -> str:
    numbers = rsa_key(rsa_signer()).private_numbers()
    return json.dumps({"d": b64(numbers.d.to_bytes(256, "big")).decode()})


def claims() -> Iterator[Attack]:
    """Signed all right, by somebody who says nonsense, or something that is for others."""
    text, deep = json.dumps(good_claims()), "[" * 1500 + "]" * 1500
    for name, bad in {
        "a list": json.dumps([good_claims()]), "a text": '"x"', "null": "null", "empty": " ", "not JSON": text[:-1],
        "two": text + text,
        "sub twice": text[:-1] + ', "sub": "bob-2"}', "aud twice": '{"aud": "x", ' + text[1:],
        "twice, deeper": text[:-1] + ', "x": {"a": 1, "a": 2}}',
        "twice by escapes": text[:-1] + ', "s\\u0075b": "bob-2"}',
        "NaN": text[:-1] + ', "x": NaN}', "Infinity": text[:-1] + ', "x": -Infinity}',
        "nested": text[:-1] + ', "x": ' + deep + "}",
        "a long number": text[:-1] + ', "x": ' + "9" * 5000 + "}",
    }.items():
        yield bearer(f"claims: {name}", F.CLAIMS, made(claims=bad.encode()))
    yield bearer("claims: UTF-16", F.CLAIMS, made(claims=text.encode("utf-16")))
    yield bearer("claims: no UTF-8", F.CLAIMS, made(claims=text[:-1].encode() + b', "x": "\xff"}'))
    yield from _issuers()
    yield from _audiences()
    yield from _times()
    yield from _subjects()


def _issuers() -> Iterator[Attack]:
    base = ISSUER.rstrip("/")
    for issuer in ("", base, ISSUER + "/", ISSUER + "evil", base + ".evil.test/", "https://evil.test/" + ISSUER,
                   base + "@evil.test/",
                   ISSUER + "?", ISSUER + "#", ISSUER + " ", " " + ISSUER, ISSUER + "\0", ISSUER + "\n", ISSUER.upper(),
                   ISSUER.replace("s:", ":"), "https://iam.test:443/", "https://iam。test/", "https://ıam.test/", "iam", 7, True,
                   [ISSUER], {"iss": ISSUER}):
        yield bearer(f"iss {issuer!r}", F.ISSUER, good(iss=issuer))
    yield bearer("iss missing", F.ISSUER, good(iss=None))
    yield bearer("iss null", F.ISSUER, made(claims={**good_claims(), "iss": None}))
    # The other issuer is a good one, but for another VO; and this one's key is not its.
    yield bearer("iss of another VO", F.ORIGIN, good(iss=OTHER_ISSUER))
    yield bearer("iss of another one, with the key of this one", F.KEY,
                 made({"alg": "ES256", "kid": ec_signer().kid}, good_claims(iss=OTHER_ISSUER, **{"wlcg.groups": ["vo.x.org"]}),
                      es256(ec_key(ec_signer()))), "vo.x.org")


def _audiences() -> Iterator[Attack]:
    for audience in ("", "x", AUDIENCE + "/", AUDIENCE + ".evil.test", AUDIENCE[:-1], AUDIENCE.upper(), " " + AUDIENCE,
                     AUDIENCE + "\0", f"{AUDIENCE} x", f"{AUDIENCE},x", "panda", "*", "https://wlcg.cern.ch/jwt/v1/any", 7, True,
                     [], ["x"], [[AUDIENCE]], [AUDIENCE, 7], [AUDIENCE, None], {AUDIENCE: 1}, {"aud": AUDIENCE}):
        yield bearer(f"aud {audience!r}", F.AUDIENCE, made(claims={**good_claims(), "aud": audience}))
    yield bearer("aud missing", F.AUDIENCE, good(aud=None))
    yield bearer("aud missing, azp ours", F.AUDIENCE, good(aud=None, azp="panda-client"))
    yield bearer("aud missing, client_id ours", F.AUDIENCE, good(aud=None, client_id="panda-client"))
    yield bearer("aud missing, sub ours", F.AUDIENCE, good(aud=None, sub="panda-client"))
    yield bearer("aud null", F.AUDIENCE, made(claims={**good_claims(), "aud": None}))


def _times() -> Iterator[Attack]:
    yield bearer("exp missing", F.TIMES, good(exp=None))
    for name in ("exp", "nbf", "iat"):
        for value in (str(NOW_S), NOW_S + 0.5, 1e300, True, [NOW_S], {"t": NOW_S}, -1, 10**15, 2**64, -(2**63), "", "never"):
            yield bearer(f"{name} {value!r}", F.TIMES, made(claims={**good_claims(), name: value}))
        yield bearer(f"{name} null", F.TIMES, made(claims={**good_claims(), name: None}))
        for value in ("1e400", "1.8e9", "1800000000.0"):
            text = json.dumps({**good_claims(), name: "@"}).replace('"@"', value)
            yield bearer(f"{name} {value}", F.TIMES, made(claims=text.encode()))
    for exp in (0, NOW_S - 10**8, NOW_S - 1, NOW_S):
        yield bearer(f"exp {exp - NOW_S:+d} s", F.EXPIRED, good(exp=exp))
    for name in ("nbf", "iat"):
        for ahead in (11, 60, 10**8):
            yield bearer(f"{name} {ahead:+d} s", F.EARLY, good(exp=NOW_S + 10**9, **{name: NOW_S + ahead}))


def _subjects() -> Iterator[Attack]:
    yield bearer("sub missing", F.SUBJECT, good(sub=None))
    for subject in ("", 7, True, ["alice-1"], {"sub": "alice-1"}, "x" * 256, "alice\0", "alice\n", "\u202ealice", "alice\u200b",
                    "a\ud800"):
        yield bearer(f"sub {str(subject)[:20]!a}", F.SUBJECT, made(claims={**good_claims(), "sub": subject}))
    yield bearer("sub null", F.SUBJECT, made(claims={**good_claims(), "sub": None}))


def roles() -> Iterator[Attack]:
    """A good token of somebody who wants more than it gives."""
    for role in (":pilot", ".pilot", ":admin", ":Production", ":prod", ":productionX", ":atlas"):
        yield bearer(f"role atlas{role}", F.ROLE, good(), f"atlas{role}")
    for group in ("xatlas/pilot", "atlasx/pilot", "atlas/sub/pilot", "pilot", "/pilot", "atlas/Pilot", "Atlas/pilot",
                  "atlas/pilot/", "//atlas/pilot", "atlas//pilot", "atlas/./pilot", "x/../atlas/pilot", "atlas/pilot ",
                  "atlas/pilot\0",
                  "atlas/pilot\n", "atlas/Role=pilot", "/atlas/Role=pilot", "atlas/рilot", "atlas:pilot", "atlas.pilot",
                  "atlas/*", "atlas,atlas/pilot", "atlas atlas/pilot", ["atlas/pilot"], {"atlas/pilot": 1}):
        yield bearer(f"group {group!a}", F.ROLE, good(groups=["atlas", group]), "atlas:pilot")
    for claim in ("roles", "wlcg.groups", "entitlements", "eduperson_entitlement", "Groups", "group"):
        yield bearer(f"claim {claim}", F.ROLE, good(**{claim: ["atlas/pilot"]}), "atlas:pilot")
    for bad in ("atlas/pilot", {"atlas/pilot": True}, 7, True, ["a"] * 1001):
        yield bearer(f"groups are {str(bad)[:30]!a}", F.CLAIMS, good(groups=bad), "atlas:pilot")
    for scope in ("role:pilot", "atlas/pilot", ["role:scoped"], "role:scopedx", "xrole:scoped"):
        role = "scoped" if "scoped" in str(scope) else "pilot"
        yield bearer(f"scope {scope!r}", F.ROLE, good(scope=scope), f"atlas:{role}")
    for groups in ([], None, ["cms"], ["atlasx"], ["/"], [""], ["x/atlas"], [7]):
        yield bearer(f"no member: {groups!r}", F.MEMBER, good(groups=groups))
    for name in ("client_id", "azp", "extracted_client_id", "clientId"):
        yield bearer(f"robot by {name}", F.ROLE, good(groups=None, **{name: ROBOT}), "atlas:pilot")
    yield bearer("a robot whose token has groups", F.ROLE, good(sub=ROBOT, groups=["atlas"]), "atlas:pilot")
    yield bearer("a robot with a blank", F.ROLE, good(sub=ROBOT + " ", groups=None), "atlas:pilot")
    for origin in ("cms", "ATLAS", "vo.x.org", "xatlas", "https://evil.test", "null", "atlas/production", "atlas:", ":production",
                   "atlas:x:y", "atlas:pro duction", "../atlas", "atlas\x00", "*", "atlas,vo.x.org", " ",
                   "a" * 5000, "atlas:../x", "vo."):
        yield bearer(f"origin {origin[:20]!a}", F.ORIGIN, good(), origin)


@cache
def corpus() -> list[Attack]:
    """All of them."""
    kinds = (around_the_token, form, algorithms, headers, signatures, keys, claims, roles)
    return [attack for kind in kinds for attack in kind()]
