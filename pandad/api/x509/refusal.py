"""Every way in which a certificate, a chain or an attribute certificate is refused: one constant and one sentence each.

The constants are what logs, metrics and tests go by, and do not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Refusal(StrEnum):
    """Why somebody is not let in as who his certificate says he is."""

    UNKNOWN_CA = "unknown_ca"
    BAD_SIGNATURE = "bad_signature"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    CRL_EXPIRED = "crl_expired"
    CRL_UNUSABLE = "crl_unusable"
    NO_CA = "no_ca"
    CA_PATH_LENGTH = "ca_path_length"
    CHAIN_TOO_LONG = "chain_too_long"
    SIGNING_POLICY = "signing_policy"
    NAME_CONSTRAINTS = "name_constraints"
    WRONG_PURPOSE = "wrong_purpose"
    WEAK = "weak"
    CRITICAL_EXTENSION = "critical_extension"
    MALFORMED = "malformed"
    AMBIGUOUS_NAME = "ambiguous_name"
    PROXY_NAME = "proxy_name"
    PROXY_PATH_LENGTH = "proxy_path_length"
    PROXY_OF_CA = "proxy_of_ca"
    PROXY_BEHIND_PLAIN = "proxy_behind_plain"
    OLD_STYLE_PROXY = "old_style_proxy"
    MIXED_PROXIES = "mixed_proxies"
    INDEPENDENT_PROXY = "independent_proxy"
    POLICY_LANGUAGE = "policy_language"
    INCOMPLETE = "incomplete"
    OTHER = "other"


SENTENCES: Mapping[Refusal, str] = {
    Refusal.UNKNOWN_CA: "its certificate authority is not trusted here",
    Refusal.BAD_SIGNATURE: "it was not signed by who it says",
    Refusal.NOT_YET_VALID: "it is not valid yet",
    Refusal.EXPIRED: "it has expired",
    Refusal.REVOKED: "it is revoked",
    Refusal.CRL_EXPIRED: "the revocation list of its authority has expired",
    Refusal.CRL_UNUSABLE: "the revocation list of its authority cannot be used",
    Refusal.NO_CA: "it signs what only an authority may sign",
    Refusal.CA_PATH_LENGTH: "there are more authorities in the chain than one of them allows",
    Refusal.CHAIN_TOO_LONG: "the chain is too long",
    Refusal.SIGNING_POLICY: "its authority may not sign this name",
    Refusal.NAME_CONSTRAINTS: "an authority of the chain may not vouch for this name",
    Refusal.WRONG_PURPOSE: "it is not meant for clients",
    Refusal.WEAK: "its key or its signature is too weak",
    Refusal.CRITICAL_EXTENSION: "it has a critical extension that is not understood here",
    Refusal.MALFORMED: "it cannot be read",
    Refusal.AMBIGUOUS_NAME: "its name can be taken for another one",
    Refusal.PROXY_NAME: "the name of a proxy must be that of its signer and one CN more",
    Refusal.PROXY_PATH_LENGTH: "there are more proxies in the chain than one of them allows",
    Refusal.PROXY_OF_CA: "a proxy stands for a user, and this one was signed by an authority",
    Refusal.PROXY_BEHIND_PLAIN: "a proxy certificate stands behind one that is no proxy",
    Refusal.OLD_STYLE_PROXY: "proxies of Globus 2 are not accepted here; make one as RFC 3820 says (voms-proxy-init -rfc)",
    Refusal.MIXED_PROXIES: "the chain has proxies of Globus 2 and of RFC 3820",
    Refusal.INDEPENDENT_PROXY: "an independent proxy has none of its user's rights",
    Refusal.POLICY_LANGUAGE: "the proxy restricts its rights in a way that is not understood here",
    Refusal.INCOMPLETE: "the certificate chain is incomplete",
    Refusal.OTHER: "OpenSSL refuses it",
}

FAULTS: Mapping[int, Refusal] = {
    **dict.fromkeys((2, 18, 19, 20, 21, 27, 28), Refusal.UNKNOWN_CA),
    **dict.fromkeys((4, 6, 7, 24, 29, 30, 31, 76, 77, 78), Refusal.BAD_SIGNATURE),
    **dict.fromkeys((13, 14, 41, 42, 45, 80, 81, 82, 83, 84, 87, 88, 89, 90, 91, 92, 93), Refusal.MALFORMED),
    **dict.fromkeys((5, 8, 11, 15, 16, 33, 35, 36, 44, 54), Refusal.CRL_UNUSABLE),
    **dict.fromkeys((32, 79), Refusal.NO_CA),
    **dict.fromkeys((47, 48, 49, 51, 52, 53), Refusal.NAME_CONSTRAINTS),
    **dict.fromkeys((66, 67, 68, 94), Refusal.WEAK),
    9: Refusal.NOT_YET_VALID,
    10: Refusal.EXPIRED,
    12: Refusal.CRL_EXPIRED,
    22: Refusal.CHAIN_TOO_LONG,
    23: Refusal.REVOKED,
    25: Refusal.CA_PATH_LENGTH,
    26: Refusal.WRONG_PURPOSE,
    34: Refusal.CRITICAL_EXTENSION,
    37: Refusal.PROXY_OF_CA,
    38: Refusal.PROXY_PATH_LENGTH,
    39: Refusal.WRONG_PURPOSE,
    72: Refusal.PROXY_NAME,
}
"""OpenSSL's X509_V_ERR_ numbers (x509_vfy.h)."""


class PeerRefused(Exception):
    """A chain says nothing about who its bearer may act for; `reason` is a constant, str() a sentence for the bearer."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(SENTENCES[reason])
        self.reason = reason


class AttributeRefusal(StrEnum):
    """Why the VOMS attributes that came with a proxy do not count."""

    MALFORMED = "malformed"
    VERSION = "version"
    TOO_MANY = "too_many"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    HOLDER = "holder"
    ISSUER = "issuer"
    SERVER = "server"
    UNKNOWN_VO = "unknown_vo"
    UNKNOWN_SERVER = "unknown_server"
    LSC = "lsc"
    SIGNATURE = "signature"
    ALGORITHM = "algorithm"
    SIGNER = "signer"
    FQAN = "fqan"
    EXTENSIONS_MISSING = "extensions_missing"
    CRITICAL_EXTENSION = "critical_extension"
    KEY_IDENTIFIER = "key_identifier"
    TARGET = "target"


ATTRIBUTE_SENTENCES: Mapping[AttributeRefusal, str] = {
    AttributeRefusal.MALFORMED: "they cannot be read",
    AttributeRefusal.VERSION: "they are not of version 2",
    AttributeRefusal.TOO_MANY: "there are too many of them",
    AttributeRefusal.EXPIRED: "they have expired",
    AttributeRefusal.NOT_YET_VALID: "they are not valid yet",
    AttributeRefusal.HOLDER: "they were given to another certificate",
    AttributeRefusal.ISSUER: "who issued them is not who signed them",
    AttributeRefusal.SERVER: "they do not say which server of which VO they come from",
    AttributeRefusal.UNKNOWN_VO: "this VO is not known here (it has no folder in vomsdir)",
    AttributeRefusal.UNKNOWN_SERVER: "this server of the VO is not known here (it has no .lsc or .pem in vomsdir)",
    AttributeRefusal.LSC: "the chain of their signer is not the one of the server's .lsc",
    AttributeRefusal.SIGNATURE: "they were not signed by who they say",
    AttributeRefusal.ALGORITHM: "they are signed in a way that is too weak or not known here",
    AttributeRefusal.SIGNER: "the certificate of their signer is refused",
    AttributeRefusal.FQAN: "they name groups or roles of another VO, or none",
    AttributeRefusal.EXTENSIONS_MISSING: "they lack an extension that they must have",
    AttributeRefusal.CRITICAL_EXTENSION: "they have a critical extension that is not understood here",
    AttributeRefusal.KEY_IDENTIFIER: "they name another key than the one that signed them",
    AttributeRefusal.TARGET: "they are meant for another host",
}


class AttributesRefused(Exception):
    """VOMS attributes came along and do not count.

    :param detail: what makes the sentence more exact: a name, a date.
    """

    def __init__(self, reason: AttributeRefusal, detail: str = "") -> None:
        super().__init__(f"{ATTRIBUTE_SENTENCES[reason]}: {detail}" if detail else ATTRIBUTE_SENTENCES[reason])
        self.reason, self.detail = reason, detail
