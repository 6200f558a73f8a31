"""How a call is made with curl: with a certificate, with a token, or with nothing. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

TLS_SERVER = "https://HOST:25443"
PLAIN_SERVER = "http://HOST:25080"

TRUST = '--capath "$X509_CERT_DIR"'
CERTIFICATE = f'{TRUST} --cert "$X509_USER_PROXY" --key "$X509_USER_PROXY"'
TOKEN = f'{TRUST} -H "Authorization: Bearer $TOKEN" -H "Origin: $VO"'

_VALUES: Mapping[str, Any] = {"integer": 1234, "number": 1.5, "boolean": True, "string": "TEXT", "object": {}}

BINARY = "binary"  # format of a parameter that is a file
FILE = "jobO.$(uuidgen).tar.gz"

Schemas = Mapping[str, Mapping[str, Any]]


def examples(path: str, verb: str, wanted: Schemas, anonymous: bool, plain: bool) -> Iterator[tuple[str, str]]:
    """What to type, each under a label.

    :param wanted: the schemas of the parameters that must be there. :param plain: whether the port without TLS serves it.
    """
    values = {name: value_of(schema) for name, schema in wanted.items() if schema.get("format") != BINARY}
    files = [name for name, schema in wanted.items() if schema.get("format") == BINARY]
    if anonymous:
        yield "anybody", _line("" if plain else TRUST, PLAIN_SERVER if plain else TLS_SERVER, path, verb, values, files)
    else:
        yield "with a proxy", _line(CERTIFICATE, TLS_SERVER, path, verb, values, files)
        yield "with a token", _line(TOKEN, TLS_SERVER, path, verb, values, files)


def value_of(schema: Mapping[str, Any]) -> Any:
    """Something that fits."""
    if schema.get("type") == "array":
        return [value_of(schema["items"])]
    if schema.get("format") == "date-time":
        return "2026-01-02 03:04:05"
    return _VALUES.get(schema.get("type", "object"))


def _line(credential: str, server: str, path: str, verb: str, values: Mapping[str, Any], files: Sequence[str]) -> str:
    query = f"?{urlencode(values, doseq=True)}" if values and verb == "GET" else ""
    words = ["curl", credential, "" if verb == "GET" else f"-X {verb}"]
    if verb != "GET" and values:
        words += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(json.dumps(values))}"]
    words += [f"-F {name}=@{FILE}" for name in files]
    return " ".join(filter(None, [*words, shlex.quote(f"{server}{path}{query}")]))
