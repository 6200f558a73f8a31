"""`python -m tests.tls.mutations`: spoiled chains and attribute certificates, and who takes them.

An attacker may sign proxies as he likes, with the key of his own certificate: those are spoiled before they are signed. What he
cannot sign is spoiled as it is; attribute certificates are also spoiled before their server signs them, to see whether pandad and
libvomsapi read the same out of the same bytes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import perf_counter

from asn1crypto import cms, core
from asn1crypto import x509 as asn1x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from pandad.api.x509.gridcert import read
from pandad.api.x509.refusal import AttributesRefused
from pandad.api.x509.revocation import Trust
from pandad.api.x509.signingpolicy import read_policies
from pandad.api.x509.voms import Voms
from pandad.api.x509.vomsdir import read_vomsdir
from pandad.embedded.pki import BASE, make_sandbox_pki
from pandad.embedded.proxies import PrivateKey, make_proxy
from pandad.embedded.voms import VomsServer, in_extension, sequence

from . import vomsapi
from .badchains import chain_of
from .chains import ALICE, NotShowable, World
from .der import spoiled

ROOT = f"{BASE}/CN=Chains root"


class Wrong(AssertionError):
    """Something was taken that must not be; has the bytes."""


class Chains:
    """A good chain with two proxies, spoiled."""

    def __init__(self, directory: Path, seed: int) -> None:
        directory.mkdir()
        self.world, self.random, self.count = World.make(directory), Random(seed), Counter[str]()
        self.good = chain_of(self.world, 2)

    def round(self) -> None:
        """One more that a client can send.

        :raise Wrong: it was taken for somebody else's, or OpenSSL refuses it.
        """
        while not self._is_sent():
            self.count["not even sent"] += 1

    def _is_sent(self) -> bool:
        chain = [link.der for link in self.good]
        place = self.random.randrange(len(chain))
        signs_himself = place < 2 and self.random.random() < 0.8
        if signs_himself:
            chain[place] = _resigned(chain[place], self.good[place + 1].key, self.random)
        else:
            chain[place] = spoiled(chain[place], self.random)
        try:
            shown = self.world.show_der(chain, self.good[0].key)
        except NotShowable:
            return False
        if shown.peer is None:
            self.count[f"refused: {shown.refusal}"] += 1
            return True
        self.count["accepted"] += 1
        if (shown.peer.dn, shown.peer.anchor) != (ALICE, ROOT) or not self.world.openssl_accepts(chain):
            raise Wrong([der.hex() for der in chain])
        return True


def _resigned(der: bytes, key: PrivateKey, random: Random) -> bytes:
    certificate = asn1x509.Certificate.load(der)
    signed = spoiled(certificate["tbs_certificate"].dump(), random)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    return sequence(signed + certificate["signature_algorithm"].dump() + core.OctetBitString(signature).dump())


class Attributes:
    """A good attribute certificate, spoiled."""

    def __init__(self, directory: Path, seed: int) -> None:
        now = datetime.now(UTC)
        self.directory, self.random, self.count = directory, Random(seed), Counter[str]()
        self.pki = make_sandbox_pki(directory, now)
        server = VomsServer("pandad", "localhost", self.pki.authority.issue_user(f"{BASE}/OU=Hosts/CN=voms", now))
        server.install(self.pki.vomsdir)
        self.alice, self.now, self.server_key = self.pki.users["alice"], now, server.credential.key
        self.holder = read(self.alice.certificate).der
        self.good = server.attribute_certificate(
            self.alice.certificate, now, fqans=["/pandad/Role=production", "/pandad"], nickname="alice")
        trust = Trust.of(self.pki.ca_directory, read_policies(self.pki.ca_directory), False)
        self.voms = Voms(read_vomsdir(self.pki.vomsdir), trust, ["localhost"], lambda: now)
        self.expected = self.voms.attributes(in_extension(self.good), self.holder)
        self.library = vomsapi.Verdicts(self.pki.vomsdir, self.pki.ca_directory) if vomsapi.installed() else None
        self.key = ec.generate_private_key(ec.SECP256R1())

    def round(self) -> None:
        """One more.

        :raise Wrong: it was taken though its server never signed it, or libvomsapi refuses it or reads something else.
        """
        is_signed = self.random.random() < 0.5
        made = in_extension(self._signed()) if is_signed else spoiled(in_extension(self.good), self.random)
        try:
            found = self.voms.attributes(made, self.holder)
        except AttributesRefused as refused:
            self.count[f"refused: {refused.reason}"] += 1
            return
        self.count["accepted, signed so" if is_signed else "accepted"] += 1
        if not is_signed and found != self.expected:
            raise Wrong(made.hex())
        if self.library is not None and self._theirs(made) != found.fqans:
            raise Wrong(made.hex(), found)

    def _signed(self) -> bytes:
        certificate = cms.AttributeCertificateV2.load(self.good)
        signed = spoiled(certificate["ac_info"].dump(), self.random)
        assert isinstance(self.server_key, rsa.RSAPrivateKey)
        signature = self.server_key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return sequence(signed + certificate["signature_algorithm"].dump() + core.OctetBitString(signature).dump())

    def _theirs(self, extension: bytes) -> tuple[str, ...] | None:
        assert self.library is not None
        path = self.directory / "shown"
        make_proxy(self.alice, self.now, attributes=extension, key=self.key).write(path)
        said = self.library.of(path)
        if said is None:
            return None
        return tuple(fqan.replace("/Capability=NULL", "").replace("/Role=NULL", "") for fqan in said[0]["fqans"])

    def close(self) -> None:
        """End the other process."""
        if self.library is not None:
            self.library.close()


def main() -> None:
    """Many of each, from a seed; stops at the first that is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.tls.mutations", description=__doc__)
    parser.add_argument("--number", type=int, default=20_000, help="of each kind (default 20000)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        chains, attributes = Chains(Path(directory, "chains"), args.seed), Attributes(Path(directory, "attributes"), args.seed)
        for kind in (chains, attributes):
            began = perf_counter()
            for _ in range(args.number):
                kind.round()
            print(f"{type(kind).__name__}: {args.number} in {perf_counter() - began:.0f} s")
            print("".join(f"  {n:6} {what}\n" for what, n in kind.count.most_common()))
        attributes.close()


if __name__ == "__main__":
    main()
