"""Secrets on their way to a pilot: with the job that owns them, in the reply that hands it out, and nowhere else.

They are never stored with a job definition, and never logged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import orjson
from twisted.logger import Logger

from pandad.config import SecretsConfig
from pandad.spec import pilotcommand
from pandad.spec.job import ClaimedJob
from pandad.spec.specialhandling import DEBUG_MODE, has_tag
from pandad.taskbuffer import secrets
from pandad.taskbuffer.batch import Batcher
from pandad.taskbuffer.secrets import Sealed
from pandad.taskbuffer.store import Store
from pandad.taskbuffer.vault import Unopened, Vault

FOR_PAYLOAD, FOR_PILOT = "secrets", "pilotSecrets"  # keys of the job definition; the latter of replies to updates too

Extra = Mapping[str, str]  # what is added to a reply; each value is JSON text of {name: value}


def may_have_secrets(job: ClaimedJob) -> bool:
    """Whether anything may go along with a job just claimed; most have nothing, and looking costs a statement."""
    return bool(job.secrets) or has_tag(job.specialHandling, DEBUG_MODE)


class JobSecrets:
    """Looks them up, and opens them."""

    log = Logger()

    def __init__(self, store: Store, vault: Vault | None, config: SecretsConfig) -> None:
        self._store, self._vault, self._config = store, vault, config
        self._batcher: Batcher[bool, Sequence[int], Mapping[int, Extra]] = Batcher("secrets", self._together)

    async def of_jobs(self, ids: Sequence[int]) -> Mapping[int, Extra]:
        """What to add to the definitions of these jobs, just claimed; only jobs that have something are in the answer.

        Costs a short statement, which calls that arrive together share, and nothing without a vault.

        :raise StoreUnavailable: try later; the jobs' lease brings them back.
        """
        if self._vault is None or not ids:
            return {}
        return await self._batcher.ask(self._config.handed_out == "asked", ids)

    async def _together(self, only_asked: bool, questions: Sequence[Sequence[int]]) -> list[Mapping[int, Extra]]:
        ids = [panda_id for question in questions for panda_id in question]
        found = self._gathered(await self._store.once(
            "secrets_of_jobs", secrets.of_jobs, ids, self._config.pilot_owner, only_asked))
        return [{panda_id: found[panda_id] for panda_id in question if panda_id in found} for question in questions]

    def _gathered(self, rows: Sequence[tuple[list[int], bool, Sealed]]) -> dict[int, Extra]:
        gathered: dict[int, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
        for with_jobs, for_pilot, sealed in rows:
            opened = self._opened([sealed])
            for panda_id in with_jobs if opened else ():
                gathered[panda_id][FOR_PILOT if for_pilot else FOR_PAYLOAD].update(opened)
        return {panda_id: {key: _json(values) for key, values in found.items()} for panda_id, found in gathered.items()}

    async def of_update(self, command: str) -> Extra:
        """What to add to the answer to a pilot that is told this: in debug mode, what it needs to send logs in real time."""
        if self._vault is None or self._config.pilot_owner is None or not pilotcommand.parts(command)[0]:
            return {}
        opened = self._opened(await self._store.once("pilot_secrets", secrets.of_subject, self._config.pilot_owner))
        return {FOR_PILOT: _json(opened)} if opened else {}

    def _opened(self, found: Sequence[Sealed]) -> dict[str, str]:
        """A secret whose key is gone is left out: its job may do without, and its owner is told when asking for it."""
        assert self._vault is not None
        opened = {}
        for each in found:
            try:
                opened[each.name] = self._vault.open(each.owner, each.name, each.sealed)
            except Unopened as error:
                self.log.error("{problem}", problem=str(error))
        return opened


def _json(values: Mapping[str, str]) -> str:
    return orjson.dumps(values).decode()
