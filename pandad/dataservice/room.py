"""The data service: the backend that the configuration names, and the loops that work on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pandad.config import DataServiceConfig
from pandad.dataservice import upkeep
from pandad.dataservice.activator import Activator
from pandad.dataservice.adder import Adder
from pandad.dataservice.arrivals import Arrivals
from pandad.dataservice.datasets import IDatasets
from pandad.dataservice.ddm import IDDM, Refreshed
from pandad.dataservice.dispatch import Dispatch
from pandad.dataservice.local import LocalDDM
from pandad.dataservice.notices import Bulletin, hear_of_placements
from pandad.dataservice.outbox import Handler, Outbox
from pandad.dataservice.rucio.datasets import RucioDatasets
from pandad.dataservice.rucio.ddm import RucioDDM
from pandad.dataservice.rucio.session import Session
from pandad.spec.retry import RetryPolicy
from pandad.taskbuffer.store import Store

Now = Callable[[], float]
Backend = tuple[IDDM, IDatasets | None]


def _rucio(reactor: Any, config: DataServiceConfig, now: Now) -> Backend:
    session = Session(reactor, config.rucio, now)
    ddm = RucioDDM(session)
    return ddm, RucioDatasets(session, ddm)


# A backend more is a line here, one in the choices of [dataservice] backend, and one in its contract suite. One without datasets
# neither moves files nor keeps a catalogue.
BACKENDS: Mapping[str, Callable[[Any, DataServiceConfig, Now], Backend]] = {
    "local": lambda reactor, config, now: (LocalDDM(reactor, config.endpoints), None),
    "rucio": _rucio,
}


class DataService:
    """``ddm``: where files are, for the other rooms. ``activator``, ``arrivals``, ``adder``, ``outbox``: bodies of loops.

    :param now: the wall clock, for tokens in files.
    :raise CredentialUnusable: what the backend is to prove itself with cannot be used.
    """

    def __init__(self, reactor: Any, store: Store, config: DataServiceConfig, policy: RetryPolicy, now: Now) -> None:
        self.ddm, datasets = BACKENDS[config.backend](reactor, config, now)
        self.activator = Activator(store, self.ddm, config, reactor)
        self.arrivals = Arrivals(store, self.ddm, datasets, config)
        self.adder = Adder(store, self.ddm, config, policy)
        self.bulletin = Bulletin(store, [hear_of_placements])
        handlers: list[Handler] = [] if datasets is None else [*upkeep.handlers(datasets), Dispatch(datasets, config)]
        self.outbox = Outbox(store, handlers, config)

    @property
    def refreshed(self) -> Refreshed | None:
        """The backend, if it has to look something up now and then."""
        return self.ddm if isinstance(self.ddm, Refreshed) else None
