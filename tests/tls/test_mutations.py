"""A share of the spoiled chains and attribute certificates; `python -m tests.tls.mutations` makes as many as one likes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pandad.embedded.pki import SandboxPki

from .der import parse, spoiled
from .mutations import Attributes, Chains

CHAINS, ATTRIBUTES = 200, 400


def test_chains(tmp_path: Path) -> None:
    """Whatever is done to a chain, it is refused, or stays its user's and good to OpenSSL."""
    chains = Chains(tmp_path / "chains", seed=20)
    for _ in range(CHAINS):
        chains.round()
    assert len(chains.count) >= 6, chains.count


def test_attributes(tmp_path: Path) -> None:
    """Whatever is done to attributes, nobody gets any that were not signed; and of those that were, libvomsapi says the same."""
    attributes = Attributes(tmp_path / "attributes", seed=30)
    try:
        for _ in range(ATTRIBUTES):
            attributes.round()
    finally:
        attributes.close()
    assert attributes.count["accepted, signed so"], attributes.count
    assert len(attributes.count) >= 8, attributes.count


@pytest.mark.parametrize("seed", range(3))
def test_spoiling(pki: SandboxPki, seed: int) -> None:
    """A tree gives its bytes back; what is spoiled differs; the same seed spoils the same way."""
    der = pki.users["alice"].certificate.public_bytes(Encoding.DER)
    assert parse(der).dump() == der
    made = [spoiled(der, Random(seed)) for _ in range(2)]
    assert made[0] == made[1] != der
