"""What pilots and Harvester ask and say, once the wire is decoded.

Field names are those of PanDA's API v1. ``metadata["legacy"]`` is the name in the legacy dialect where it is not the camelCase
form, ``metadata["attribute"]`` the JobSpec attribute that a reported value lands in. (protocol: v1 pilot/*, legacy getJob and
updateJob.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


def legacy(name: str, default: Any = None) -> Any:
    """A field whose legacy name is not its camelCase form."""
    return field(default=default, metadata={"legacy": name})


def reported(attribute: str) -> Any:
    """An optional reported value; its legacy name is the attribute's."""
    return field(default=None, metadata={"attribute": attribute, "legacy": attribute})


@dataclass(frozen=True, kw_only=True)  # no slots: see api.decode on how the many defaults are left out
class AcquireJobs:
    """A pilot (or Harvester for it) asks for work. None means it did not say, which excludes nothing."""

    site_name: str
    prod_source_label: str | None = None
    memory: float | None = legacy("mem")  # MB; pilots send fractions
    disk_space: int | None = None  # MB
    remaining_time: int | None = legacy("remaining_time")  # s
    core_count: int | None = None
    node: str | None = None
    computing_element: str | None = None
    prod_user_id: str | None = legacy("prodUserID")
    task_id: int | None = legacy("taskID")
    n_jobs: int | None = None  # None: one, and the legacy reply is flat
    resource_type: str | None = None
    job_type: str | None = None
    working_group: str | None = None
    country_group: str | None = None
    harvester_id: str | None = legacy("harvester_id")
    worker_id: int | None = legacy("worker_id")
    scheduler_id: str | None = legacy("schedulerID")


@dataclass(frozen=True, kw_only=True)  # no slots: as above
class JobUpdate:
    """A pilot (or Harvester for it) says how a job is. Text is cut to PanDA's lengths, never refused for length."""

    job_id: int = field(metadata={"legacy": "jobId"})
    job_status: str = field(metadata={"legacy": "state"})
    attempt_nr: int | None = None
    job_output_report: str = legacy("xml", "")  # JSON {lfn: {guid, fsize, adler32|md5sum, surl, endpoint}}
    meta_data: str | None = None  # the job report, JSON text
    stdout: str | None = None  # tail of the payload's output, in debug mode
    node: str | None = reported("modificationHost")
    cpu_consumption_time: int | None = reported("cpuConsumptionTime")
    cpu_consumption_unit: str | None = reported("cpuConsumptionUnit")
    cpu_conversion_factor: float | None = field(
        default=None, metadata={"attribute": "cpuConversion", "legacy": "cpuConversionFactor"})
    scheduler_id: str | None = reported("schedulerID")
    pilot_id: str | None = reported("pilotID")
    batch_id: str | None = reported("batchID")
    site_name: str | None = None
    computing_element: str | None = None
    pilot_log: str | None = None
    pilot_timing: str | None = reported("pilotTiming")
    trans_exit_code: str | None = reported("transExitCode")
    pilot_error_code: int | None = reported("pilotErrorCode")
    pilot_error_diag: str | None = reported("pilotErrorDiag")
    exe_error_code: int | None = reported("exeErrorCode")
    exe_error_diag: str | None = reported("exeErrorDiag")
    start_time: datetime | None = reported("startTime")
    end_time: datetime | None = reported("endTime")
    n_events: int | None = reported("nEvents")
    n_input_files: int | None = reported("nInputFiles")
    job_metrics: str | None = reported("jobMetrics")
    job_sub_status: str | None = reported("jobSubStatus")
    core_count: int | None = field(
        default=None, metadata={"attribute": "actualCoreCount", "legacy": "coreCount"})
    mean_core_count: float | None = None
    max_rss: int | None = reported("maxRSS")
    max_vmem: int | None = reported("maxVMEM")
    max_swap: int | None = reported("maxSWAP")
    max_pss: int | None = reported("maxPSS")
    avg_rss: int | None = reported("avgRSS")
    avg_vmem: int | None = reported("avgVMEM")
    avg_swap: int | None = reported("avgSWAP")
    avg_pss: int | None = reported("avgPSS")
    tot_rchar: int | None = reported("totRCHAR")
    tot_wchar: int | None = reported("totWCHAR")
    tot_rbytes: int | None = reported("totRBYTES")
    tot_wbytes: int | None = reported("totWBYTES")
    rate_rchar: int | None = reported("rateRCHAR")
    rate_wchar: int | None = reported("rateWCHAR")
    rate_rbytes: int | None = reported("rateRBYTES")
    rate_wbytes: int | None = reported("rateWBYTES")
    cpu_architecture_level: str | None = reported("cpu_architecture_level")
    grid: str | None = reported("grid")
    source_site: str | None = field(default=None, metadata={"attribute": "sourceSite", "legacy": "source_site"})
    destination_site: str | None = field(
        default=None, metadata={"attribute": "destinationSite", "legacy": "destination_site"})
    corrupted_files: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """A pilot says that it began or ended as a Harvester worker."""

    worker_id: int = field(metadata={"legacy": "workerID"})
    harvester_id: str = field(metadata={"legacy": "harvesterID"})
    status: str  # started or finished
    site: str | None = None
    node_id: str | None = legacy("node_id")
