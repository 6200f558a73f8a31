"""JobSpec: one job, with PanDA's attribute names in PanDA's order (the wire format depends on the order).

Source of names, order and lengths: panda-server 1.0.4 JobSpec, the same since 0.8.1 and in panda-client 2.2.0.
Sizes are MB, times s, unless the line says otherwise. All times are aware and in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pandad.spec.attribute import attributes_of, limited
from pandad.spec.file import FileSpec
from pandad.spec.jobstatus import JobStatus

# Before a queue, or pattern, in ``avoided``. Without a mark stands a queue where it failed, and is not to go again.
NOTHING_BUT = "!"  # its submitter wants none but those that are so marked (PanDA: includedSite)
NOT_WANTED = "-"  # its submitter does not want it (PanDA: excludedSite)


@dataclass(slots=True, kw_only=True)
class JobSpec:
    """One job. None is PanDA's NULL."""

    PandaID: int | None = None  # the job id, from 1
    jobDefinitionID: int | None = None  # groups the jobs of one submission, a serial per user
    schedulerID: str | None = limited(128)  # what runs the pilot, e.g. harvester-<id>
    pilotID: str | None = limited(200)  # the pilot, as it names itself: log URL|type|version
    creationTime: datetime | None = None  # when the job was submitted
    creationHost: str | None = limited(128)  # host it was submitted from
    modificationTime: datetime | None = None  # last change or heartbeat
    modificationHost: str | None = limited(128)  # host of the last change; the worker node once a pilot has it
    AtlasRelease: str | None = limited(64)  # software release
    transformation: str | None = limited(250)  # the payload: a name or a URL
    homepackage: str | None = limited(80)  # software package or cache
    prodSeriesLabel: str | None = limited(20)  # production series
    prodSourceLabel: str | None = limited(20)  # activity: user, managed, test, panda (build), ...
    prodUserID: str | None = limited(250)  # DN or subject of the owner
    assignedPriority: int = 0  # priority as submitted
    currentPriority: int = 0  # priority that decides the order; higher goes first
    attemptNr: int = 0  # dispatch attempt: a pilot must echo it (fencing)
    maxAttempt: int = 0  # attempts allowed
    jobStatus: JobStatus = JobStatus.DEFINED  # state, see jobstatus.py
    jobName: str | None = limited(256)  # free name
    maxCpuCount: int = 0  # expected CPU time, s
    maxCpuUnit: str | None = limited(32)  # unit of maxCpuCount
    maxDiskCount: int = 0  # scratch space needed, MB
    maxDiskUnit: str | None = limited(4)  # unit of maxDiskCount
    ipConnectivity: str | None = limited(5)  # network the payload needs
    minRamCount: int = 0  # memory needed, MB
    minRamUnit: str | None = limited(2)  # unit of minRamCount
    startTime: datetime | None = None  # payload began on the worker node
    endTime: datetime | None = None  # payload ended on the worker node
    cpuConsumptionTime: int = 0  # CPU time used, s
    cpuConsumptionUnit: str | None = limited(128)  # s+<cpu model>
    commandToPilot: str | None = limited(250)  # told to the pilot at its next heartbeat
    transExitCode: str | None = limited(128)  # exit code of the payload
    pilotErrorCode: int = 0  # error code of the pilot, 0 = none
    pilotErrorDiag: str | None = limited(500)  # its text
    exeErrorCode: int = 0  # error code of the payload, 0 = none
    exeErrorDiag: str | None = limited(500)  # its text
    supErrorCode: int = 0  # error code of the supervisor, 0 = none
    supErrorDiag: str | None = limited(250)  # its text
    ddmErrorCode: int = 0  # error code of the data service, 0 = none
    ddmErrorDiag: str | None = limited(500)  # its text
    brokerageErrorCode: int = 0  # error code of the brokerage, 0 = none
    brokerageErrorDiag: str | None = limited(250)  # its text
    jobDispatcherErrorCode: int = 0  # error code of the job dispatcher, 0 = none
    jobDispatcherErrorDiag: str | None = limited(250)  # its text
    taskBufferErrorCode: int = 0  # error code of the task buffer, 0 = none
    taskBufferErrorDiag: str | None = limited(300)  # its text
    computingSite: str | None = limited(128)  # the queue
    computingElement: str | None = limited(128)  # batch entry point of the queue
    jobParameters: str | None = None  # arguments of the transformation
    metadata: str | None = None  # job report (JSON text) from the pilot
    prodDBlock: str | None = limited(255)  # input dataset
    dispatchDBlock: str | None = limited(255)  # dataset made to bring the input to the site
    destinationDBlock: str | None = limited(255)  # output dataset
    destinationSE: str | None = limited(250)  # storage endpoint for the output
    nEvents: int = 0  # events processed
    grid: str | None = limited(50)  # grid
    cloud: str | None = limited(50)  # cloud
    cpuConversion: float | None = None  # CPU conversion factor
    sourceSite: str | None = limited(36)  # site of the input
    destinationSite: str | None = limited(36)  # site of the output
    transferType: str | None = limited(10)  # how the payload reads its input: direct, fax, NULL
    taskID: int | None = None  # task id of the old production database
    cmtConfig: str | None = limited(250)  # platform
    stateChangeTime: datetime | None = None  # when jobStatus last changed
    prodDBUpdateTime: datetime | None = None  # last update of the old production database
    lockedby: str | None = limited(128)  # "jedi" when made by a task
    relocationFlag: int = 0  # 1: the owner pinned the queue; 2: may not be reassigned; 3: throttled
    jobExecutionID: int = 0  # execution id of the old production database
    VO: str | None = limited(32)  # virtual organisation
    pilotTiming: str | None = limited(100)  # getjob|stagein|payload|stageout|initsetup|setup, s
    workingGroup: str | None = limited(20)  # group
    processingType: str | None = limited(64)  # kind of work
    prodUserName: str | None = limited(60)  # compact user name, a label only
    nInputFiles: int | None = None  # input files the pilot processed
    countryGroup: str | None = limited(20)  # country of the owner
    batchID: str | None = limited(80)  # id in the batch system
    parentID: int | None = None  # PandaID of the job this one retries
    specialHandling: str | None = limited(80)  # comma list of two-letter tags
    jobsetID: int | None = None  # groups build, run and retried jobs
    coreCount: int | None = None  # cores needed
    nInputDataFiles: int | None = None  # number of input files
    inputFileType: str | None = limited(32)  # type of the input files
    inputFileProject: str | None = limited(64)  # project of the input files
    inputFileBytes: int | None = None  # size of all input files, bytes
    nOutputDataFiles: int = 0  # number of output files
    outputFileBytes: int = 0  # size of all output files, bytes
    jobMetrics: str | None = limited(500)  # key=value key=value
    workQueue_ID: int | None = None  # work queue
    jediTaskID: int | None = None  # owning task
    jobSubStatus: str | None = limited(80)  # finer state, as reported
    actualCoreCount: int | None = None  # cores really given
    reqID: int | None = None  # request id
    maxRSS: int | None = None  # peak RSS, kB
    maxVMEM: int | None = None  # peak VMEM, kB
    maxSWAP: int | None = None  # peak SWAP, kB
    maxPSS: int | None = None  # peak PSS, kB
    avgRSS: int | None = None  # mean RSS, kB
    avgVMEM: int | None = None  # mean VMEM, kB
    avgSWAP: int | None = None  # mean SWAP, kB
    avgPSS: int | None = None  # mean PSS, kB
    maxWalltime: int | None = None  # expected wall time, s
    nucleus: str | None = limited(52)  # site that collects the task's output
    eventService: int | None = None  # event service mode
    failedAttempt: int | None = None  # how often the input failed before
    hs06sec: int | None = None  # HS06 score x CPU time
    gshare: str | None = limited(32)  # global share
    hs06: int | None = None  # HS06 per core x cores
    totRCHAR: int | None = None  # read calls, kB
    totWCHAR: int | None = None  # write calls, kB
    totRBYTES: int | None = None  # bytes read from disk, kB
    totWBYTES: int | None = None  # bytes written to disk, kB
    rateRCHAR: int | None = None  # read calls per second, bytes
    rateWCHAR: int | None = None  # write calls per second, bytes
    rateRBYTES: int | None = None  # bytes read from disk per second, bytes
    rateWBYTES: int | None = None  # bytes written to disk per second, bytes
    resource_type: str | None = limited(56)  # SCORE, MCORE, SCORE_HIMEM, MCORE_HIMEM
    diskIO: int | None = None  # expected disk traffic, kB/s
    memory_leak: int | None = None  # memory growth, kB/s
    memory_leak_x2: float | None = None  # chi square of that fit
    container_name: str | None = limited(200)  # container image
    job_label: str | None = limited(20)  # label for brokerage and shares
    gco2_regional: float | None = None  # g CO2, regional grid
    gco2_global: float | None = None  # g CO2, world average
    cpu_architecture_level: str | None = limited(20)  # e.g. x86_64-v3
    outputFileType: str | None = limited(32)  # type of the output files

    Files: list[FileSpec] = field(default_factory=list)
    avoided: list[str] = field(default_factory=list)  # pandad's own: where it must not go; see NOTHING_BUT

    @property
    def is_pinned(self) -> bool:
        """Whether the submitter chose the queue (PanDA: relocationFlag)."""
        return self.relocationFlag == 1 and self.computingSite is not None

    @property
    def included(self) -> list[str]:
        """Queues, or patterns, to which its submitter limited it; none: no limit."""
        return [name.removeprefix(NOTHING_BUT) for name in self.avoided if name.startswith(NOTHING_BUT)]

    @property
    def excluded(self) -> list[str]:
        """Queues, or patterns, that its submitter ruled out."""
        return [name.removeprefix(NOT_WANTED) for name in self.avoided if name.startswith(NOT_WANTED)]

    @property
    def failed_at(self) -> list[str]:
        """Queues that a retry rule made it avoid."""
        return [name for name in self.avoided if not name.startswith((NOTHING_BUT, NOT_WANTED))]

    @property
    def inputs(self) -> list[FileSpec]:
        """The files the payload reads."""
        return [f for f in self.Files if f.type == "input"]

    @property
    def outputs(self) -> list[FileSpec]:
        """The files the job leaves behind: outputs, then the log."""
        return [f for f in self.Files if f.type == "output"] + self.logs

    @property
    def logs(self) -> list[FileSpec]:
        """The log tarball: one or none."""
        return [f for f in self.Files if f.type == "log"]


@dataclass(slots=True, kw_only=True)
class ClaimedJob(JobSpec):
    """A job on its way to a pilot: what a pilot is told is filled in, and its files."""

    secrets: list[str] = field(default_factory=list)  # the names of its owner's


JOB_ATTRIBUTES = attributes_of(JobSpec)

# What a pilot says of its job, at each sign of life and at the end.
REPORTED_ATTRIBUTES = (
    "modificationHost", "cpuConsumptionTime", "cpuConsumptionUnit", "cpuConversion", "schedulerID", "pilotID", "batchID",
    "pilotTiming", "transExitCode", "pilotErrorCode", "pilotErrorDiag", "exeErrorCode", "exeErrorDiag", "startTime", "endTime",
    "nEvents", "nInputFiles", "jobMetrics", "jobSubStatus", "actualCoreCount", "maxRSS", "maxVMEM", "maxSWAP", "maxPSS", "avgRSS",
    "avgVMEM", "avgSWAP", "avgPSS", "totRCHAR", "totWCHAR", "totRBYTES", "totWBYTES", "rateRCHAR", "rateWCHAR", "rateRBYTES",
    "rateWBYTES", "cpu_architecture_level", "grid", "sourceSite", "destinationSite")
