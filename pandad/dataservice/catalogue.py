"""What is in a dataset, for tasks that read it."""

from __future__ import annotations

from pandad.dataservice.datasets import Dataset, IDatasets
from pandad.dataservice.ddm import DDMRefused, DDMUnavailable
from pandad.spec.task import Contents, KnownFile, scope_of
from pandad.taskbuffer import taskviews
from pandad.taskbuffer.store import Store


class Catalogue:
    """Asks the data management, where that knows datasets; else what tasks of this server wrote is what there is.

    :param datasets: None: the backend has none.
    """

    def __init__(self, store: Store, datasets: IDatasets | None) -> None:
        self._store, self._datasets = store, datasets

    async def contents(self, dataset: str) -> Contents:
        """The files of a dataset as of now; a scope may stand before a colon, a slash at the end."""
        name = dataset.partition(":")[2] or dataset
        return await self._written(name.rstrip("/")) if self._datasets is None else await self._registered(
            self._datasets, Dataset(scope_of(dataset), name.rstrip("/")))

    async def _written(self, name: str) -> Contents:
        rows = await self._store.read("task_written", taskviews.written, name)
        if rows is None:
            return Contents(problem=f"unknown dataset {name}: on this server datasets are what its tasks wrote", hopeless=True)
        return Contents([KnownFile(*row) for row in rows])

    async def _registered(self, datasets: IDatasets, dataset: Dataset) -> Contents:
        try:
            found = await datasets.contents(dataset)
        except DDMUnavailable as error:
            return Contents(problem=str(error))
        except DDMRefused as error:
            return Contents(problem=f"unknown dataset {dataset}: {error}", hopeless=True)
        return Contents([KnownFile(f.name.scope, f.name.lfn, f.guid, f.size_bytes, f"ad:{f.adler32}" if f.adler32 else None)
                         for f in found])
