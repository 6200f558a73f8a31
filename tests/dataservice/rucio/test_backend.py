"""Rucio as the daemon's backend."""

from __future__ import annotations

from fakes.rucioweb import USER
from pytest_twisted import ensureDeferred

from pandad.dataservice.ddm import Refreshed
from pandad.dataservice.room import BACKENDS
from pandad.dataserviceconfig import DataServiceConfig, RucioConfig

from .conftest import REACTOR, Bench


@ensureDeferred
async def test_the_daemon_can_make_it(bench: Bench) -> None:
    """The configuration's word leads to a backend that looks up its endpoints in a loop; a folder needs no such thing."""
    config = RucioConfig(url=bench.server.url, username=USER, password_file=bench.place / "password", endpoints_s=7.0)
    ddm = BACKENDS["rucio"](REACTOR, DataServiceConfig(backend="rucio", rucio=config), lambda: 0.0).ddm
    assert isinstance(ddm, Refreshed)
    await ddm.run_once()
    assert (set(ddm.endpoints()), ddm.period_s, ddm.complaint()) == ({"DISK", "TAPE"}, 7.0, None)
    assert not isinstance(BACKENDS["local"](REACTOR, DataServiceConfig(), lambda: 0.0).ddm, Refreshed)
