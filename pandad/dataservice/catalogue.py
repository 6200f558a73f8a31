"""What is in a dataset, for tasks that read it."""

from __future__ import annotations

from pandad.dataservice.datasets import Dataset, NewFile
from pandad.dataservice.ddm import DDMRefused, DDMUnavailable, UnknownData
from pandad.dataservice.names import INames
from pandad.spec.task import Contents, KnownFile, scope_of
from pandad.taskbuffer import taskviews
from pandad.taskbuffer.store import Store


class Catalogue:
    """Asks the data management, where that knows datasets; else what tasks of this server wrote is what there is.

    :param names: None: the backend knows no datasets.
    """

    def __init__(self, store: Store, names: INames | None) -> None:
        self._store, self._names = store, names

    async def contents(self, dataset: str, most: int) -> Contents:
        """The files of a dataset as of now; a scope may stand before a colon, a slash at the end.

        :param most: so many files may be in it.
        """
        name = (dataset.partition(":")[2] or dataset).rstrip("/")
        return await self._written(name) if self._names is None else await self._registered(
            self._names, Dataset(scope_of(dataset), name), most)

    async def _written(self, name: str) -> Contents:
        rows = await self._store.read("task_written", taskviews.written, name)
        if rows is None:
            return Contents(problem=f"unknown dataset {name}: on this server datasets are what its tasks wrote", hopeless=True)
        return Contents([KnownFile(*row) for row in rows])

    async def _registered(self, names: INames, name: Dataset, most: int) -> Contents:
        try:
            found = await names.named(name)
            if found.files > most:
                why = f"{name} has {found.files} files, and a task has at most {most} here to choose from ([jedi] max_files)"
                return Contents(problem=why, hopeless=True)
            files = await names.files(found.datasets)
        except DDMUnavailable as error:
            return Contents(problem=str(error))
        except UnknownData as error:
            return Contents(problem=f"unknown dataset {name}: {error}", hopeless=True)
        except DDMRefused as error:
            return Contents(problem=str(error), hopeless=True)
        if found.closed and not any(files.values()):
            return Contents(problem=f"{name} is closed, and there is no file in it", hopeless=True)
        return Contents([_known(each, file) for each in found.datasets for file in files[each]])


def _known(dataset: Dataset, file: NewFile) -> KnownFile:
    return KnownFile(file.name.scope, file.name.lfn, file.guid, file.size_bytes, f"ad:{file.adler32}" if file.adler32 else None,
                     str(dataset), file.events)
