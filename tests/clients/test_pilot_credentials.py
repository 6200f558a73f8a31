"""The real pilot with each kind of certificate; its proxy of the plain kind is in test_pilot.py, its token in test_tokens.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from pytest_twisted import blockon, ensureDeferred
from twisted.internet.defer import Deferred, gatherResults

from clients.errand import Errand
from clients.user import user_of
from pandad.embedded.pilot import missing_requirements
from pandad.embedded.pki import SANDBOX_USERS
from pandad.embedded.sandbox import Sandbox

lacking = missing_requirements()
KINDS = ("voms", "certificate")


@pytest.fixture(scope="module")
def errands(sandbox: Sandbox) -> Iterator[Mapping[str, Errand]]:
    """All under way at a time."""
    alice, pki = user_of(sandbox, sandbox.pki.proxy("alice")), sandbox.pki
    files = {"voms": pki.voms_proxy("pilot"), "certificate": pki.credential("pilot")}
    made = {kind: Errand(sandbox, alice, kind, files[kind]) for kind in KINDS}
    try:
        blockon(gatherResults([Deferred.fromCoroutine(each.begin()) for each in made.values()]))
        yield made
    finally:
        blockon(gatherResults([Deferred.fromCoroutine(each.dismiss()) for each in made.values()]))


@pytest.mark.skipif(bool(lacking), reason="; ".join(lacking))
@pytest.mark.parametrize("kind", KINDS)
@ensureDeferred
async def test_the_pilot(errands: Mapping[str, Errand], kind: str) -> None:
    """It runs a job of another one's from end to end."""
    job = await errands[kind].ended()
    assert (job["jobStatus"], job["prodUserID"], job["modificationHost"]) == ("finished", SANDBOX_USERS["alice"], f"{kind}node")
    assert errands[kind].output == f"BY {kind.upper()}\n"
