"""task_parameters into a task: what prun, pathena's kin and scripts over panda-client's API send. Pure.

Every mistake raises BadRequest with the key in the sender's own spelling. (PanDA: TaskRefinerBase, AtlasAnalTaskRefiner.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pandad.config import JediConfig
from pandad.jedi import items
from pandad.jedi.inputs import LONGEST, Inputs
from pandad.jedi.parameters import Reader, refuse_unknown
from pandad.spec import sitewish
from pandad.spec.errors import BadRequest
from pandad.spec.job import NOT_WANTED, NOTHING_BUT
from pandad.spec.multistep import STEPS
from pandad.spec.specialhandling import DEBUG_MODE, NO_LOOPING_CHECK, USE_SECRETS
from pandad.spec.task import Build, Counting, Secondary, Splitting, TaskSpec

USER_PRIORITY = 1000
DEFAULT_VO = "wlcg"  # prun's own default
DEFAULT_MEMORY_MB = 2000  # per core (PanDA: AtlasAnalTaskRefiner)
MOST_JOBS = 1_000_000
GB = 10**9
RUN, ATHENA, BUILD = "runGen-00-00-02", "runAthena-00-00-12", "buildGen-00-00-01"
CONTAINER = "runcontainer"
DIRECT = "direct"  # transferType
SANDBOX = re.compile(r"-a [^ ]+")
ATHENA_BUILD = "buildJob-00-00-03"
PROGRAM, OPTIONS = ("command", "args"), ("containerExec", "containerImage", "execArgs")  # of a step


def refine(parameters: Mapping[str, Any], config: JediConfig) -> TaskSpec:
    """What the parameters ask for.

    :raise BadRequest: names the key that cannot be meant.
    """
    refuse_unknown(parameters)
    read = Reader(_with_sandbox(parameters))
    source_url = _url(read, "sourceURL")
    build = _build(read, config, source_url)
    counting = _counting(read)
    found = items.read(read, has_lib=build is not None, is_counted=counting is not None)
    first = found.inputs.first
    if first is None and not read.flag("noInput"):
        raise read.wrong("jobParameters", 'has no item of param_type "input"; say noInput if the task reads none')
    events = max(read.whole("nEventsPerJob"), 1)
    return TaskSpec(
        name=read.needed("taskName"), unique=read.flag("uniqueTaskName"), vo=read.text("vo", 32) or DEFAULT_VO,
        label=read.text("prodSourceLabel", 20) or "user", group=read.text("workingGroup", 20) or None,
        processing_type=read.text("processingType", 64) or None,
        priority=read.whole("currentPriority", -10_000) or read.whole("taskPriority", -10_000) or USER_PRIORITY,
        pieces=found.pieces, input=first, secondaries=_secondaries(found.inputs.secondaries, config), outputs=found.outputs,
        offset=found.offset, event_offset=found.event_offset, pseudo_files=0 if first else _jobs(read, events),
        events=0 if first else events, all_events=0 if first else read.whole("nEvents"), counting=counting if first else None,
        splitting=_splitting(read, found.inputs, bool(first and counting), config),
        source_url=source_url, build=build, waits=not read.flag("noWaitParent"), steps=_steps(read),
        is_staged=_is_staged(read), values=_values(read, config, source_url))


def _with_sandbox(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """With new sources in the place of those of the first time (prun --useNewCode)."""
    new = Reader(parameters).text("fixedSandbox")
    if not new:
        return parameters
    found = [{**item, "value": f"-a {new}"} if isinstance(item, Mapping) and SANDBOX.fullmatch(str(item.get("value"))) else item
             for item in Reader(parameters).items("jobParameters")]
    build = Reader(parameters).below("buildSpec")
    return {**parameters, "jobParameters": found} if build is None else {
        **parameters, "jobParameters": found, "buildSpec": {**parameters["buildSpec"], "archiveName": new}}


def _jobs(read: Reader, events: int) -> int:
    """Of a task without input: one for each portion of its events; of nFiles, one for each of those."""
    jobs = -(-max(read.whole("nEvents"), 1) // events) if read.says("nEvents") else max(read.whole("nFiles"), 1)
    if jobs > MOST_JOBS:
        raise read.wrong("nEvents", f"makes {jobs} jobs; a task has at most {MOST_JOBS}")
    return jobs


def _counting(read: Reader) -> Counting | None:
    """Of a task with input: it may want so many events in all or in each job, or none of the files without any."""
    per_job = read.whole("nEventsPerJob")
    counting = Counting(per_job, read.whole("nEventsPerFile"), read.whole("nEvents"), per_job > 0 or read.flag("skipEmptyInput"))
    return None if counting == Counting() else counting


def _splitting(read: Reader, inputs: Inputs, by_events: bool, config: JediConfig) -> Splitting:
    files = read.whole("nFilesPerJob") or inputs.files_per_job
    most = read.whole("nMaxFilesPerJob") or config.most_files_per_job
    if files > config.most_files_per_job:
        raise read.wrong("nFilesPerJob", f"{files} is more than this server puts into a job, {config.most_files_per_job}")
    gigabytes = read.whole("nGBPerJob", -1)
    if gigabytes < 0:
        raise read.wrong("nGBPerJob", "must be a number of gigabytes on this server")
    events = read.whole("nEventsPerJob") if by_events else 0
    if (files or events) and not gigabytes:
        return Splitting(files=files, most_files=0 if files else min(most, config.most_files_per_job), events=events,
                         apart=inputs.apart)
    return Splitting(files=files, most_files=min(most, config.most_files_per_job),
                     most_bytes=(gigabytes or config.gb_per_job) * GB, events=events, apart=inputs.apart)


def _secondaries(found: tuple[Secondary, ...], config: JediConfig) -> tuple[Secondary, ...]:
    for each in found:
        many = max(each.per_job, each.ratio)
        if many > config.most_files_per_job:
            raise BadRequest("task_parameters.jobParameters", f"wants {many} files of ${{{each.input.stream}}} in a job; "
                             f"this server puts {config.most_files_per_job} into one")
    return found


def _url(read: Reader, key: str) -> str:
    url = read.text(key)
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc or set(url) & set(" \"'`$;|&<>\\")):
        raise read.wrong(key, f"{url!r} is not an http or https address")
    return url.rstrip("/")


def _build(read: Reader, config: JediConfig, source_url: str) -> Build | None:
    spec = read.below("buildSpec")
    if spec is None:
        return None
    spec.refuse_others(frozenset({"prodSourceLabel", "archiveName", "jobParameters", "transPath"}))
    parameters = spec.needed("jobParameters", 10_000, free=True)
    items.refuse_macros(parameters, {"IN", "OUT", "SURL"}, "buildSpec.jobParameters")
    script = ATHENA_BUILD if "athena" in read.text("processingType", 64) else BUILD
    return Build(
        scope=config.lib_scope, label=spec.text("prodSourceLabel", 20) or "panda", archive=spec.needed("archiveName"),
        parameters=parameters, transformation=spec.text("transPath") or _script(read, config, source_url, script))


def _script(read: Reader, config: JediConfig, source_url: str, name: str) -> str:
    """The address of one of the scripts that payloads are wrapped in: where the operator keeps them, or where the client's files
    are."""
    site = config.wn_script_base_url or source_url
    if not site:
        raise read.wrong("sourceURL", "is missing, and so is transPath: there is no script to run the payload with")
    return f"{site}/trf/user/{name}"


def _is_staged(read: Reader) -> bool:
    """(prun --forceStaged, --transferType file.)"""
    return read.flag("useLocalIO") or read.flag("forceStaged") or read.text("transferType") == "file"


def _steps(read: Reader) -> dict[str, dict[str, str]]:
    """Of a payload in a container (prun --containerImage)."""
    spec = read.below("multiStepExec")
    if spec is None:
        return {}
    spec.refuse_others(STEPS)
    steps = {}
    for key in spec.said():
        step = spec.below(key)
        assert step is not None
        step.refuse_others(frozenset(OPTIONS if key == "containerOptions" else PROGRAM))
        steps[key] = {name: step.text(name, LONGEST) for name in step.said()}
    return steps


def _values(read: Reader, config: JediConfig, source_url: str) -> dict[str, Any]:
    """JobSpec attributes of all jobs."""
    cores = max(read.whole("coreCount"), 1)
    processing = read.text("processingType", 64)
    script = ATHENA if "athena" in processing else CONTAINER if "cont" in processing.split("-") else RUN
    tags = [tag for key, tag in (
        ("useSecrets", USE_SECRETS), ("debugMode", DEBUG_MODE), ("noLoopingCheck", NO_LOOPING_CHECK)) if read.flag(key)]
    return {
        "transformation": read.text("transPath") or _script(read, config, source_url, script),
        "container_name": read.text("container_name", 200) or None,
        "cmtConfig": read.text("architecture") or None, "AtlasRelease": read.text("transUses", 64) or None,
        "homepackage": read.text("transHome", 80) or None, "coreCount": cores, "minRamCount": _memory_mb(read, cores),
        "maxWalltime": 3600 * read.whole("maxWalltime") or None, "maxAttempt": _attempts(read),
        "specialHandling": ",".join(tags) or None, "transferType": _transfer(read), **_where(read)}


def _memory_mb(read: Reader, cores: int) -> int:
    unit = read.text("ramCountUnit") or read.text("ramUnit") or "MBPerCore"
    if unit not in ("MB", "MBPerCore", "MBPerCoreFixed"):
        raise read.wrong("ramCountUnit", f"{unit!r} is none of MB, MBPerCore, MBPerCoreFixed")
    memory_mb = read.whole("ramCount") or DEFAULT_MEMORY_MB
    return memory_mb if unit == "MB" else memory_mb * cores


def _attempts(read: Reader) -> int:
    """As a job has it: 0 is as many as the server gives, -1 is no second one."""
    said = [number for number in (read.whole("maxAttempt"), read.whole("maxFailure")) if number]
    return -1 if read.flag("disableAutoRetry") else min(said, default=0)


def _transfer(read: Reader) -> str | None:
    """How jobs read: "direct": in place, at queues that allow it (prun --useDirectIOSites); None: as the queue has it."""
    lan, kind = read.text("allowInputLAN"), read.text("transferType")
    if lan not in ("", "only"):
        raise read.wrong("allowInputLAN", f"{lan!r} is not only; leave it out, and jobs read as each queue has it")
    if kind not in ("", DIRECT, "file"):
        raise read.wrong("transferType", f"{kind!r}: queues say the protocol here (prun --transferType); say direct or file")
    return DIRECT if lan or kind == DIRECT else None


def _where(read: Reader) -> dict[str, Any]:
    """(PanDA: site, includedSite, excludedSite.)"""
    avoided: list[str] = []
    if "AUTO" in read.texts("includedSite"):
        raise read.wrong("includedSite", "AUTO beside others is not supported by this server (prun --site); name queues or "
                         "patterns, or none")
    for key, mark in (("includedSite", NOTHING_BUT), ("excludedSite", NOT_WANTED)):
        avoided += sitewish.named(list(read.texts(key)), mark)
    return {"computingSite": ",".join(read.texts("site")) or None, "avoided": avoided}


def refine_again(parameters: Mapping[str, Any], new: Mapping[str, Any], config: JediConfig, *,
                 strict: bool) -> tuple[dict[str, Any], TaskSpec]:
    """The parameters of a task that is set going once more, with what may change of them.

    :param strict: whether it is a mistake to want something else changed; else that stays as it was.
    :raise BadRequest: names the key that cannot be meant, or cannot change any more.
    """
    for key in new if strict else ():
        if key not in CHANGEABLE and parameters.get(key) != new[key]:
            raise BadRequest(f"new_parameters.{key}", f"cannot change; {', '.join(sorted(CHANGEABLE))} can")
    changed = {**parameters, **{key: value for key, value in new.items() if key in CHANGEABLE}}
    return changed, refine(changed, config)


CHANGEABLE = frozenset({
    "site", "excludedSite", "includedSite", "currentPriority", "nFiles", "nEvents", "nFilesPerJob", "nMaxFilesPerJob",
    "nGBPerJob", "nEventsPerJob", "ramCount", "ramCountUnit", "coreCount", "maxWalltime", "maxAttempt", "disableAutoRetry",
    "cliParams", "fixedSandbox", "useSecrets"})
"""What another go of a task may change (PanDA: the subset for incexec)."""
