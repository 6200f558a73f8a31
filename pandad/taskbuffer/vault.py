"""Seals texts for the database, with a key that lies in a file beside it.

A sealed text is bound to its owner and its name (AES-256-GCM, with both as associated data): copied into another row it does not
open.
The key file has one key a line, base64 of 32 bytes; the first seals, all open, so a new key is put above the old ones.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from collections.abc import Sequence
from pathlib import Path

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pandad.spec.caller import Identity
from pandad.spec.errors import PandadError

KEY_BYTES = 32
NONCE_BYTES = 12


class KeyFileError(PandadError):
    """The key file cannot be used; the text never has a key in it."""


class Unopened(PandadError):
    """A sealed text that none of the keys opens."""

    def __init__(self, owner: Identity, name: str) -> None:
        super().__init__(f"the secret {name} of {owner.subject} is not sealed with a key of [secrets] key_file; set it again")


class Vault:
    """Seals and opens."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = [AESGCM(key) for key in keys]
        self.audit_keys = [hmac.digest(key, b"audit", "sha256") for key in keys]  # a key for one thing only

    def seal(self, owner: Identity, name: str, text: str) -> bytes:
        """The text, readable by nobody without the key."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, text.encode(), _bound_to(owner, name))

    def open(self, owner: Identity, name: str, sealed: bytes) -> str:
        """What was sealed for that owner under that name.

        :raise Unopened: the key is gone, or the row was tampered with.
        """
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound_to(owner, name)).decode()
            except InvalidTag:
                pass
        raise Unopened(owner, name)


def _bound_to(owner: Identity, name: str) -> bytes:
    return orjson.dumps([owner.anchor, owner.subject, name])


def read(path: Path) -> Vault:
    """The vault of a key file.

    :raise KeyFileError: there is none, or a line of it is no key.
    """
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"[secrets] key_file: {path} cannot be read ({type(error).__name__})") from None
    keys = [_key(path, number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if not keys:
        raise KeyFileError(f"[secrets] key_file: {path} has no key; {_ADVICE}")
    return Vault(keys)


_ADVICE = "make one with: openssl rand -base64 32"


def _key(path: Path, number: int, line: str) -> bytes:
    try:
        key = base64.b64decode(line.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"[secrets] key_file: line {number} of {path} is not base64 of {KEY_BYTES} bytes; {_ADVICE}")
    return key


def make(path: Path) -> None:
    """A key file with a new key, for its owner's eyes only; one that is there stays."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    except FileExistsError:
        return
    with open(number, "wb") as file:
        file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
