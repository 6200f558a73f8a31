"""The data service: the backend that the configuration names, and the loops that work on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pandad.config import DataServiceConfig
from pandad.dataservice import upkeep
from pandad.dataservice.activator import Activator
from pandad.dataservice.adder import Adder
from pandad.dataservice.arrivals import Arrivals
from pandad.dataservice.catalogue import Catalogue
from pandad.dataservice.closer import Closer, Making
from pandad.dataservice.datasets import IDatasets
from pandad.dataservice.ddm import IDDM, Refreshed
from pandad.dataservice.dispatch import Dispatch
from pandad.dataservice.finisher import Finisher, hear_of_shipments
from pandad.dataservice.local import LocalDDM
from pandad.dataservice.names import INames
from pandad.dataservice.notices import Bulletin, hear_of_placements
from pandad.dataservice.outbox import Handler, Outbox
from pandad.dataservice.registrar import Registrar
from pandad.dataservice.rucio.datasets import RucioDatasets
from pandad.dataservice.rucio.ddm import RucioDDM
from pandad.dataservice.rucio.naming import RucioNames
from pandad.dataservice.rucio.session import Session
from pandad.dataservice.shipping import Shipping
from pandad.dataservice.subdatasets import Preparing
from pandad.spec.retry import RetryPolicy
from pandad.taskbuffer.store import Store

Now = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Backend:
    """The seams as one data management system fills them. Without ``datasets`` and ``names`` it neither moves files nor keeps a
    catalogue."""

    ddm: IDDM
    datasets: IDatasets | None = None
    names: INames | None = None


def _rucio(reactor: Any, config: DataServiceConfig, now: Now) -> Backend:
    session = Session(reactor, config.rucio, now)
    ddm = RucioDDM(session)
    return Backend(ddm, RucioDatasets(session, ddm), RucioNames(session))


# A backend more is a line here, one in the choices of [dataservice] backend, and one in its contract suite.
BACKENDS: Mapping[str, Callable[[Any, DataServiceConfig, Now], Backend]] = {
    "local": lambda reactor, config, now: Backend(LocalDDM(reactor, config.endpoints)),
    "rucio": _rucio,
}


class DataService:
    """``ddm``: where files are, ``catalogue``: what is in datasets, for the other rooms. ``bulletin``: what the data management
    system tells by itself. The others have the bodies of the loops of their names.

    :param now: the wall clock, for tokens in files.
    :raise CredentialUnusable: what the backend is to prove itself with cannot be used.
    """

    def __init__(self, reactor: Any, store: Store, config: DataServiceConfig, policy: RetryPolicy, now: Now) -> None:
        backend = BACKENDS[config.backend](reactor, config, now)
        self.ddm, datasets = backend.ddm, backend.datasets
        registrar, handlers = None, list[Handler]()
        if datasets is not None:
            registrar = Registrar(datasets, config)
            handlers = [*upkeep.handlers(datasets), Making(datasets), Preparing(datasets),
                        Dispatch(store, datasets, config), Shipping(store, datasets, config, policy)]
        self.catalogue = Catalogue(store, backend.names)
        self.activator = Activator(store, self.ddm, config, reactor, datasets=datasets)
        self.arrivals = Arrivals(store, self.ddm, datasets, config)
        self.adder = Adder(store, self.ddm, config, policy, registrar)
        self.bulletin = Bulletin(store, [hear_of_placements, hear_of_shipments])
        self.outbox = Outbox(store, handlers, config)
        self.finisher = Finisher(store, datasets, config)
        self.closer = Closer(store, config, active=datasets is not None)

    @property
    def refreshed(self) -> Refreshed | None:
        """The backend, if it has to look something up now and then."""
        return self.ddm if isinstance(self.ddm, Refreshed) else None
