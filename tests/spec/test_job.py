"""JobSpec against the wire: names, order, kinds and lengths as PanDA's servers and clients have them."""

from __future__ import annotations

from datetime import datetime

import pytest

from pandad.spec.file import FileSpec
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec
from pandad.spec.jobstatus import JobStatus

# The order in which clients send the values (panda-server 0.8.1 to 1.0.4, panda-client 2.0.2 and 2.2.0). A * stands on those
# that are 0 when nothing was said; after a colon: n whole number, f number, t time, a figure the length limit of a text.
WIRE_ORDER = """
PandaID:n jobDefinitionID:n schedulerID:128 pilotID:200 creationTime:t creationHost:128 modificationTime:t modificationHost:128
AtlasRelease:64 transformation:250 homepackage:80 prodSeriesLabel:20 prodSourceLabel:20 prodUserID:250 assignedPriority*:n
currentPriority*:n attemptNr*:n maxAttempt*:n jobStatus:status jobName:256 maxCpuCount*:n maxCpuUnit:32 maxDiskCount*:n
maxDiskUnit:4 ipConnectivity:5 minRamCount*:n minRamUnit:2 startTime:t endTime:t cpuConsumptionTime*:n
cpuConsumptionUnit:128 commandToPilot:250
transExitCode:128 pilotErrorCode*:n pilotErrorDiag:500 exeErrorCode*:n exeErrorDiag:500 supErrorCode*:n supErrorDiag:250
ddmErrorCode*:n ddmErrorDiag:500 brokerageErrorCode*:n brokerageErrorDiag:250 jobDispatcherErrorCode*:n jobDispatcherErrorDiag:250
taskBufferErrorCode*:n taskBufferErrorDiag:300 computingSite:128 computingElement:128 jobParameters:text
metadata:text prodDBlock:255
dispatchDBlock:255 destinationDBlock:255 destinationSE:250 nEvents*:n grid:50 cloud:50 cpuConversion:f sourceSite:36
destinationSite:36 transferType:10 taskID:n cmtConfig:250 stateChangeTime:t prodDBUpdateTime:t lockedby:128 relocationFlag*:n
jobExecutionID*:n VO:32 pilotTiming:100 workingGroup:20 processingType:64 prodUserName:60 nInputFiles:n countryGroup:20 batchID:80
parentID:n specialHandling:80 jobsetID:n coreCount:n nInputDataFiles:n inputFileType:32 inputFileProject:64 inputFileBytes:n
nOutputDataFiles*:n outputFileBytes*:n jobMetrics:500 workQueue_ID:n jediTaskID:n jobSubStatus:80 actualCoreCount:n reqID:n
maxRSS:n maxVMEM:n maxSWAP:n maxPSS:n avgRSS:n avgVMEM:n avgSWAP:n avgPSS:n maxWalltime:n nucleus:52 eventService:n
failedAttempt:n hs06sec:n gshare:32 hs06:n totRCHAR:n totWCHAR:n totRBYTES:n totWBYTES:n rateRCHAR:n rateWCHAR:n
rateRBYTES:n rateWBYTES:n resource_type:56 diskIO:n memory_leak:n memory_leak_x2:f container_name:200 job_label:20
gco2_regional:f gco2_global:f cpu_architecture_level:20 outputFileType:32
""".split()  # noqa: SIM905 - a table

KINDS = {"n": int, "f": float, "t": datetime, "status": JobStatus, "text": str}

WIRE = [(name.rstrip("*"), name.endswith("*"), said) for name, said in (word.split(":") for word in WIRE_ORDER)]


def test_names_and_order_are_the_wires() -> None:
    """The 126 attributes stand in the order in which clients send their values: one out of place shifts all behind it."""
    assert [a.name for a in JOB_ATTRIBUTES] == [name for name, _, _ in WIRE]
    assert len(JOB_ATTRIBUTES) == 126


@pytest.mark.parametrize(("place", "said"), list(enumerate(said for _, _, said in WIRE)))
def test_kinds_and_lengths(place: int, said: str) -> None:
    """Each attribute has the kind and the length of PanDA's schema."""
    attribute = JOB_ATTRIBUTES[place]
    assert attribute.kind is KINDS.get(said, str)
    assert attribute.limit == (int(said) if said.isdigit() else None)


def test_unset_values() -> None:
    """A new job has 0 where PanDA has 0, and NULL everywhere else."""
    fresh = JobSpec()
    for name, zero, _ in WIRE:
        assert getattr(fresh, name) == (JobStatus.DEFINED if name == "jobStatus" else 0 if zero else None), name


def test_columns_do_not_collide() -> None:
    """Names stay different when the database folds their case."""
    assert len({a.column for a in JOB_ATTRIBUTES}) == len(JOB_ATTRIBUTES)


def test_files_by_type() -> None:
    """Inputs are what the payload reads; outputs are what it leaves behind, the log last, as pilots want them listed."""
    files = [
        FileSpec(lfn=f"{number}.{kind}", type=kind)
        for number, kind in enumerate(("log", "input", "output", "pseudo_input", "output", "input"))
    ]
    job = JobSpec(Files=files)
    assert [f.lfn for f in job.inputs] == ["1.input", "5.input"]
    assert [f.lfn for f in job.outputs] == ["2.output", "4.output", "0.log"]
    assert [f.lfn for f in job.logs] == ["0.log"]


def test_jobs_do_not_share_files() -> None:
    """Two new jobs have two lists of files."""
    assert JobSpec().Files is not JobSpec().Files
