"""The keys of task_parameters: which mean something here, which change nothing, and how their values are read. Pure.

What would change the result and is neither is refused by name: nobody should wait for a task that does something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pandad.spec.errors import BadRequest
from pandad.spec.visible import unseen

WHERE = "task_parameters"
LARGEST = 2**53

MEANT = frozenset({
    "taskName", "uniqueTaskName", "vo", "architecture", "transUses", "transHome", "transPath", "processingType",
    "prodSourceLabel", "workingGroup", "site", "excludedSite", "includedSite", "currentPriority", "taskPriority", "sourceURL",
    "jobParameters", "log", "buildSpec", "noInput", "nEvents", "nEventsPerJob", "nFiles", "nFilesPerJob", "nMaxFilesPerJob",
    "nGBPerJob", "nSkipFiles", "ramCount", "ramCountUnit", "ramUnit", "coreCount", "maxWalltime", "maxAttempt",
    "disableAutoRetry", "noWaitParent", "maxFailure", "useSecrets", "debugMode", "reuseSecOnDemand", "nEventsPerFile",
    "useRealNumEvents", "skipEmptyInput", "container_name", "multiStepExec",
    "useLocalIO", "forceStaged", "allowInputLAN", "transferType", "noLoopingCheck", "fixedSandbox"})

# For people, for PanDA's monitor, about what pandad does not do in the first place (scouts, mails), or a guess at what it will
# measure.
CHANGE_NOTHING = frozenset({
    "cliParams", "osInfo", "respectSplitRule", "dsForIN", "noEmail", "skipScout", "messageDriven", "userName", "taskType",
    "framework", "campaign", "avoidVP", "noThrottle", "ticketID", "ticketSystemType", "official", "reqID", "parentTaskName",
    "maxCoreCount", "outDiskCount", "outDiskUnit", "cpuTime", "cpuTimeUnit"})

ITEM_MEANT = frozenset({
    "type", "value", "param_type", "dataset", "container", "hidden", "padding", "offset", "include", "exclude", "files",
    "destination", "expand", "consolidate", "nFilesPerJob", "ratio", "reusable"})

REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("mergeOutput", "mergeSpec", "log_merge", "nGBPerMergeJob"),
                    "no jobs merge outputs here (prun --mergeOutput); submit a task that reads them and merges them itself"),
    "preproSpec": "good run lists are not looked up here (prun --goodRunListXML); name the datasets (--inDS)",
    "waitInput": "events are not picked here (prun --eventPickEvtList); name datasets (--inDS)",
    **dict.fromkeys(("addNthFieldToLFN", "useFileAsSourceLFN"),
                    "names of outputs have no part of another name here (prun --addNthFieldOfInDSToLFN, "
                    "--addNthFieldOfInFileToLFN); submit a task for each dataset"),
    "pfnList": "what is in no dataset cannot be read here (prun --pfnList); have the command fetch it",
    "skipFilesUsedBy": "files of other tasks are not known here (prun --skipFilesUsedBy); pick files (--match, --antiMatch, "
                       "--inputFileList)",
    "osMatching": "queues do not say their system here (prun --osMatching); name queues (--site)",
    "respectLB": "lumi blocks are not known here (prun --respectLB); say how many files go into a job (--nFilesPerJob)",
    "tarBallViaDDM": "sources are uploaded here (prun --tarBallViaDDM); say --inTarBall",
    "token": "space tokens are not known here (prun --spaceToken); name the endpoint (--destSE)",
    "allowNoOutput": "each output must be there (prun --allowNoOutput); have the command make an empty one",
}
"""Of what clients can ask for and pandad does not do: why, and what to do instead."""


def is_said(value: Any) -> bool:
    """Whether a value asks for something: clients send the keys of what nobody asked for with nothing in them."""
    return value not in (None, "", False, 0) and value != [] and value != {}


def refuse_unknown(parameters: Mapping[str, Any]) -> None:
    """:raise BadRequest: names a key that asks for what pandad does not do."""
    Reader(parameters).refuse_others(MEANT | CHANGE_NOTHING)


class Reader:
    """Typed values out of a JSON object of a client.

    :param where: how messages name the object.
    """

    def __init__(self, values: Mapping[str, Any], where: str = WHERE) -> None:
        self._values, self._where = values, where

    def wrong(self, key: str, problem: str) -> BadRequest:
        """The error that names the key."""
        return BadRequest(f"{self._where}.{key}", problem)

    def text(self, key: str, longest: int = 250, *, free: bool = False) -> str:
        """A text, "" if it is not said. ``free``: it is no name, and may have several lines."""
        value = self._values.get(key)
        if not is_said(value):
            return ""
        if not isinstance(value, str):
            raise self.wrong(key, f"{value!r:.60} is not a text")
        if len(value) > longest:
            raise self.wrong(key, f"has {len(value)} characters; at most {longest} are taken")
        if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise self.wrong(key, "holds what is no character")
        if not free and (problem := unseen(value)) is not None:
            raise self.wrong(key, problem)
        return value

    def needed(self, key: str, longest: int = 250, *, free: bool = False) -> str:
        """A text that must be there."""
        value = self.text(key, longest, free=free)
        if not value:
            raise self.wrong(key, "is missing")
        return value

    def whole(self, key: str, least: int = 0) -> int:
        """A whole number, 0 if it is not said."""
        value = self._values.get(key)
        if not is_said(value):
            return 0
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= LARGEST:
            raise self.wrong(key, f"{value!r:.60} is not a whole number from {least} on")
        return number

    def flag(self, key: str) -> bool:
        """Whether it is wanted: clients say true, 1 or "true"."""
        value = self._values.get(key)
        return is_said(value) and str(value).lower() not in ("false", "no", "0")

    def items(self, key: str) -> list[Any]:
        """A list; one text with commas between will do."""
        value = self._values.get(key)
        if not is_said(value):
            return []
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list):
            raise self.wrong(key, f"{value!r:.60} is not a list")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        found = self.items(key)
        for each in found:
            if not isinstance(each, str) or "\0" in each:
                raise self.wrong(key, f"{each!r:.60} is not a text")
            if (problem := unseen(each)) is not None:
                raise self.wrong(key, problem)
        return tuple(found)

    def below(self, key: str) -> Reader | None:
        """An object; None if it is not said."""
        value = self._values.get(key)
        if not is_said(value):
            return None
        if not isinstance(value, Mapping):
            raise self.wrong(key, f"{value!r:.60} is not an object")
        return Reader(value, f"{self._where}.{key}")

    def objects(self, key: str) -> list[Reader]:
        """A list of objects."""
        found = []
        for place, value in enumerate(self.items(key)):
            if not isinstance(value, Mapping):
                raise self.wrong(f"{key}[{place}]", f"{value!r:.60} is not an object")
            found.append(Reader(value, f"{self._where}.{key}[{place}]"))
        return found

    def said(self) -> list[str]:
        """The keys that ask for something."""
        return [key for key, value in self._values.items() if is_said(value)]

    def refuse_others(self, known: frozenset[str]) -> None:
        """Refuse what asks for something else than these keys can."""
        for key, value in self._values.items():
            if key not in known and is_said(value):
                raise self.wrong(key, REFUSED.get(key, "is not supported by this server; submit without it"))

    def says(self, key: str) -> bool:
        """Whether something was asked for."""
        return is_said(self._values.get(key))

    def denies(self, key: str) -> bool:
        """Whether it is said not to be so, where what is not said is."""
        return key in self._values and self._values[key] is not None and not self.flag(key)
