"""A job as its pilot gets it."""

from __future__ import annotations

from pandad.api.jobdefinition import job_definition
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec

MANDATORY = {"PandaID", "taskID", "jobPars", "transformation"}
HARVESTER = {
    "PandaID",
    "taskID",
    "attemptNr",
    "jobsetID",
    "currentPriority",
    "inFiles",
    "GUID",
    "fsize",
    "checksum",
    "scopeIn",
    "realDatasetsIn",
    "ddmEndPointIn",
    "outFiles",
    "scopeOut",
    "scopeLog",
    "logFile",
    "logGUID",
    "realDatasets",
    "ddmEndPointOut",
}
IN, OUT = (
    (
        "inFiles",
        "GUID",
        "fsize",
        "checksum",
        "scopeIn",
        "realDatasetsIn",
        "ddmEndPointIn",
        "prodDBlocks",
        "prodDBlockToken",
        "dispatchDblock",
        "dispatchDBlockToken",
    ),
    ("outFiles", "realDatasets", "ddmEndPointOut", "destinationDblock", "destinationDBlockToken"),
)


def job() -> JobSpec:
    """Two inputs of which one is hardly known, a log declared before the outputs."""
    return JobSpec(
        PandaID=5,
        transformation="http://x/trf",
        jobParameters="-a b",
        Files=[
            FileSpec(type="log", lfn="j.log.tgz", scope="user.log", dataset="lds", destinationSE="D", GUID="log-guid"),
            FileSpec(
                type="input",
                lfn="a",
                GUID="g",
                fsize=7,
                checksum="ad:00000001",
                scope="s",
                dataset="d",
                dispatchDBlockToken="E1",
                destinationSE="E2",
            ),
            FileSpec(type="input", lfn="b", md5sum="0" * 32, destinationSE="E2"),
            FileSpec(type="pseudo_input", lfn="p"),
            FileSpec(type="output", lfn="o1", scope="so1", dataset="ds", destinationSE="D"),
            FileSpec(type="output", lfn="o2", scope="so2", dataset="ds", destinationSE="D"),
        ],
    )


def test_complete() -> None:
    """A job has every key that pilots insist on, none of them empty, and every key that Harvester reads."""
    definition = job_definition(job())
    assert all(definition[key] for key in MANDATORY)
    assert definition.keys() >= HARVESTER
    assert None not in definition.values()


def test_lists_are_aligned() -> None:
    """Entry i of every list belongs to file i; what is not known keeps its place."""
    definition = job_definition(job())
    assert {len(str(definition[key]).split(",")) for key in IN} == {2}
    assert {len(str(definition[key]).split(",")) for key in OUT} == {3}
    assert definition["checksum"] == "ad:00000001,md:" + "0" * 32
    assert definition["fsize"] == "7,NULL"
    assert definition["ddmEndPointIn"] == "E1,E2"


def test_log() -> None:
    """The log is among the outputs, last, but its scope is not among theirs."""
    definition = job_definition(job())
    assert definition["outFiles"] == "o1,o2,j.log.tgz"
    assert definition["scopeOut"] == "so1,so2"
    assert (definition["logFile"], definition["logGUID"], definition["scopeLog"]) == ("j.log.tgz", "log-guid", "user.log")


def test_no_files() -> None:
    """A job without files has empty lists and no log."""
    definition = job_definition(JobSpec(PandaID=5))
    assert (definition["inFiles"], definition["outFiles"], definition["logFile"], definition["logGUID"]) == ("", "", "", "")


def test_task() -> None:
    """A job without a task says NULL: a pilot insists on something, and asks for more jobs of that task afterwards."""
    assert job_definition(JobSpec(PandaID=5))["taskID"] == "NULL"
    assert job_definition(JobSpec(PandaID=5, jediTaskID=10_000_000))["taskID"] == 10_000_000
