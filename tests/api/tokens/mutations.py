"""Good tokens with something changed: millions of them by hand (`python -m tests.api.tokens --count N --seed S`)."""

from __future__ import annotations

import random
from base64 import urlsafe_b64decode
from collections.abc import Callable
from functools import cache

from .forge import b64, ec_signer, es256, good, good_claims, token

Mutate = Callable[[random.Random, bytes], bytes]

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@cache
def originals() -> list[bytes]:
    """A good token of each algorithm, and one of somebody else."""
    signer = ec_signer()
    curve = token({"alg": "ES256", "kid": signer.kid}, good_claims(), es256(signer.key))  # type: ignore[arg-type]
    return [good(), curve, good(sub="bob-2")]


def byte(rng: random.Random, text: bytes) -> bytes:
    """Another byte in one place."""
    at = rng.randrange(len(text))
    return text[:at] + bytes([rng.randrange(256)]) + text[at + 1:]


def letter(rng: random.Random, text: bytes) -> bytes:
    """Another letter of the alphabet in one place."""
    at = rng.randrange(len(text))
    return text[:at] + bytes([rng.choice(ALPHABET)]) + text[at + 1:]


def bit(rng: random.Random, text: bytes) -> bytes:
    """Another bit in what a part stands for."""
    parts = text.split(b".")
    which = rng.randrange(3)
    try:
        plain = bytearray(urlsafe_b64decode(parts[which] + b"=="))
    except ValueError:  # changed before
        return byte(rng, text)
    if not plain:
        return byte(rng, text)
    plain[rng.randrange(len(plain))] ^= 1 << rng.randrange(8)
    parts[which] = b64(bytes(plain))
    return b".".join(parts)


def cut(rng: random.Random, text: bytes) -> bytes:
    """Something missing."""
    start = rng.randrange(len(text))
    return text[:start] + text[start + rng.randrange(1, 50):]


def doubled(rng: random.Random, text: bytes) -> bytes:
    """Something twice."""
    start = rng.randrange(len(text))
    end = min(len(text), start + rng.randrange(1, 50))
    return text[:end] + text[start:end] + text[end:]


def swapped(rng: random.Random, text: bytes) -> bytes:
    """Parts in another order, or those of another token."""
    parts = [part for each in (text, *originals()) for part in each.split(b".")]
    return b".".join(rng.choice(parts) for _ in range(3))


KINDS: tuple[Mutate, ...] = (byte, letter, bit, cut, doubled, swapped)


def mutated(rng: random.Random, tokens: list[bytes]) -> bytes:
    """One of the tokens, changed once or a few times."""
    text = rng.choice(tokens)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        text = rng.choice(KINDS)(rng, text) if text.count(b".") == 2 and all(text.split(b".")) else byte(rng, text or b"x")
    return text
