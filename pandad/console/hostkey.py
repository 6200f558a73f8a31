"""The host key of the console over SSH: made at the first start, and kept to this account."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pandad import configchecks


class HostKeyError(Exception):
    """The host key cannot be used."""


def host_key(path: Path) -> bytes:
    """The host key, as OpenSSH writes it; made, for this account alone, if there is none.

    :raise HostKeyError: it cannot be read or written, or others can read it.
    """
    try:
        if not path.exists():
            _make(path)
        if (refusal := configchecks.secret(path)) is not None:
            raise HostKeyError(f"[console] ssh_host_key: {refusal}")
        return path.read_bytes()
    except OSError as problem:
        raise HostKeyError(f"[console] ssh_host_key: {path} cannot be used ({problem}); remove it, and another is made") from None


def _make(path: Path) -> None:
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(made)
