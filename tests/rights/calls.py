"""Every call, how it is made about a job, and how one sees that it was let through."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from secretwatch import MARK

from pandad.spec.job import JOB_ATTRIBUTES


@dataclass(frozen=True)
class Call:
    """``about``: the parameters for a job: its PandaID and its queue.

    ``done``: from the HTTP status and the text of a reply, whether the call did what it is for.
    ``at``: the path for a job and its queue, where that has variables.
    """

    method: str
    about: Callable[[int, str], Mapping[str, Any]]
    done: Callable[[int, str], bool]
    form: bool = False
    of_a_job: bool = True
    at: Callable[[int, str], str] | None = None


def _enveloped(status: int, text: str) -> bool:
    return status == 200 and bool(json.loads(text)["success"])


def _first(status: int, text: str) -> bool:
    return _enveloped(status, text) and bool(json.loads(text)["data"][0])


def _each(status: int, text: str) -> bool:
    return _enveloped(status, text) and all(row["success"] for row in json.loads(text)["data"])


def _handed(status: int, text: str) -> bool:
    return status == 200 and "jobPars" in text


def _coded(status: int, text: str) -> bool:
    return status == 200 and json.loads(text)["StatusCode"] == 0


def _plain(status: int, text: str) -> bool:
    return status == 200 and not text.startswith("ERROR")


def _says(words: str) -> Callable[[int, str], bool]:
    """For a call that comes to nothing for those who may make it, because there is nothing."""
    return lambda status, text: status == 200 and words in text


def _get(done: Callable[[int, str], bool] = _enveloped, of_a_job: bool = True, **values: Any) -> Call:
    return Call("GET", lambda job, queue: {**({"job_id": job} if of_a_job and not values else {}), **values}, done,
                of_a_job=of_a_job)


def _post(about: Callable[[int, str], Mapping[str, Any]], done: Callable[[int, str], bool] = _enveloped, form: bool = False,
          of_a_job: bool = True) -> Call:
    return Call("POST", about, done, form, of_a_job)


def _shown(status: int, text: str) -> bool:
    return status == 200 and "error" not in json.loads(text)


def _whole(status: int, text: str) -> bool:
    return status == 200 and json.loads(text)["whole"] and "--in x" in text


def _whole_task(status: int, text: str) -> bool:
    return status == 200 and json.loads(text)["whole"] and "datasets" in json.loads(text)


def _page(done: Callable[[int, str], bool] = _shown, at: Callable[[int, str], str] | None = None, of_a_job: bool = False) -> Call:
    return Call("GET", _nothing, done, of_a_job=of_a_job, at=at)


def _ids(job: int, queue: str) -> Mapping[str, Any]:
    return {"job_ids": [job]}


def _nothing(job: int, queue: str) -> Mapping[str, Any]:
    return {}


def _of_a_file(job: int, queue: str) -> Mapping[str, Any]:
    return {"file_name": "jobO.00000000-0000-4000-8000-000000000000.tar.gz"}


_WORKER = {"workerID": 1, "harvesterID": "h", "status": "started", "worker_id": 1, "harvester_id": "h", "site": "S"}


def submitting(**values: Any) -> Mapping[str, Any]:
    """One small job with these attributes."""
    values = {"transformation": "run.sh", **values}
    return {"jobs": [[*(values.get(a.name, "NULL") for a in JOB_ATTRIBUTES), []]]}


FIRST_TASK = 20_000_000  # beyond those that are submitted here


def _task(**values: Any) -> Callable[[int, str], Mapping[str, Any]]:
    """The task of the job, which has the same owner, label and group."""
    return lambda job, queue: {"task_id": FIRST_TASK + job, **values}


def tasking(**values: Any) -> Mapping[str, Any]:
    """A small task."""
    item = {"type": "constant", "value": "-x"}
    return {"task_parameters": {
        "taskName": "user.x.y/", "noInput": True, "jobParameters": [item], "transPath": "run.sh", **values}}


CALLS: Mapping[str, Call] = {
    # tasks
    "/api/v1/task/submit": _post(lambda job, queue: tasking(), of_a_job=False),
    "/api/v1/task/submit of production": _post(lambda job, queue: tasking(prodSourceLabel="managed"), of_a_job=False),
    "/api/v1/task/submit of production for phys": _post(
        lambda job, queue: tasking(prodSourceLabel="managed", workingGroup="phys"), of_a_job=False),
    **{f"/api/v1/task/{verb}": _post(_task()) for verb in (
        "kill", "finish", "pause", "resume", "retry", "reactivate", "reload_input")},
    "/api/v1/task/increase_attempts": _post(_task(increase=1)),
    **{f"/api/v1/task/{read}": _get(task_id=FIRST_TASK + 1, of_a_job=False) for read in (
        "get_status", "get_task_parameters", "get_details", "get_detailed_info", "get_parent_detailed_info", "get_job_ids",
        "get_job_descriptions", "get_datasets_and_files", "get_history", "why")},
    "/api/v1/job/get_metadata_for_analysis_jobs": _get(task_id=FIRST_TASK + 1, of_a_job=False),
    "/api/v1/task/get_tasks_modified_since": _get(since="2026-01-01 00:00:00", of_a_job=False),
    "/api/v1/task/get_tasks_detailed_info_since": _get(n_tasks=5, of_a_job=False),
    # jobs
    "/api/v1/job/get_description": _post(_ids, _first),
    "/api/v1/job/get_description_incl_archive": _post(_ids, _first),
    "/api/v1/job/get_status": Call("GET", _ids, _first),
    "/api/v1/job/get_timeline": _get(),
    "/api/v1/job/list": _get(of_a_job=False),
    "/api/v1/job/why": _get(),
    "/api/v1/queue/why": Call("GET", lambda job, queue: {"queue": queue or "Q0"}, _enveloped, of_a_job=False),
    "/api/v1/job/try_brokerage": _post(lambda job, queue: submitting(), of_a_job=False),
    "/api/v1/job/get_debug_output": _get(),
    "/api/v1/job/set_debug_mode": _post(lambda job, queue: {"job_id": job, "mode": True}),
    "/server/panda/setDebugMode": _post(lambda job, queue: {"pandaID": job, "modeOn": "True"}, _plain, form=True),
    "/api/v1/job/set_command": _post(lambda job, queue: {"job_id": job, "command": "ps -ef"}),
    "/server/panda/send_command_to_job": _post(lambda job, queue: {"panda_id": job, "com": "ls -l"}, _plain, form=True),
    "/api/v1/job/kill": _post(_ids, _first),
    "/api/v1/job/kill with code 91": _post(lambda job, queue: {"job_ids": [job], "code": 91}, _first),
    # pilots
    "/api/v1/pilot/get_job_status": Call("GET", _ids, _first),
    "/server/panda/getStatus": _post(lambda job, queue: {"ids": job}, _plain, form=True),
    "/api/v1/pilot/update_job": _post(lambda job, queue: {"job_id": job, "job_status": "running", "attempt_nr": 1}),
    "/server/panda/updateJob": _post(lambda job, queue: {"jobId": job, "state": "running", "attemptNr": 1}, _plain, form=True),
    "/api/v1/pilot/update_jobs_bulk": _post(
        lambda job, queue: {"job_list": [{"job_id": job, "job_status": "running", "attempt_nr": 1}]}, _each),
    "/api/v1/pilot/acquire_jobs": _post(lambda job, queue: {"site_name": queue, "prod_source_label": "user"}, _handed),
    "/server/panda/getJob": _post(lambda job, queue: {"siteName": queue, "prodSourceLabel": "user"}, _handed, form=True),
    "/api/v1/pilot/update_worker_status": _post(lambda job, queue: _WORKER, of_a_job=False),
    "/server/panda/updateWorkerPilotStatus": _post(lambda job, queue: _WORKER, _plain, form=True, of_a_job=False),
    "/api/v1/job/submit": _post(lambda job, queue: submitting(), of_a_job=False),
    "/api/v1/job/submit of production": _post(lambda job, queue: submitting(prodSourceLabel="managed"), of_a_job=False),
    "/api/v1/job/submit of production for phys": _post(
        lambda job, queue: submitting(prodSourceLabel="managed", workingGroup="phys"), of_a_job=False),
    "/api/v1/harvester/heartbeat": _post(lambda job, queue: {"harvester_id": "h", "data": {"sw_version": "1"}}, of_a_job=False),
    "/api/v1/harvester/update_workers": _post(
        lambda job, queue: {"harvester_id": "h", "workers": [{"workerID": 1, "status": "running"}]}, _first, of_a_job=False),
    "/api/v1/harvester/report_worker_statistics": _post(
        lambda job, queue: {"harvester_id": "h", "panda_queue": "Q0", "statistics": '{"user": {"SCORE": {"running": 1}}}'},
        of_a_job=False),
    "/api/v1/harvester/get_worker_statistics": _get(of_a_job=False),
    "/api/v1/harvester/get_current_worker_id": _get(harvester_id="h", of_a_job=False),
    "/api/v1/harvester/add_dialogs": _post(
        lambda job, queue: {"harvester_id": "h", "dialogs": [{"diagID": 1, "diagMessage": "x"}]}, of_a_job=False),
    "/api/v1/harvester/update_service_metrics": _post(
        lambda job, queue: {"harvester_id": "h", "metrics": [["2026-01-01 00:00:00.0", "host", {"cpu": 5}]]}, of_a_job=False),
    "/api/v1/harvester/add_sweep_command": _post(lambda job, queue: {"panda_queue": "Q0"}, of_a_job=False),
    "/api/v1/harvester/acquire_commands": _post(lambda job, queue: {"harvester_id": "h", "n_commands": 5}, of_a_job=False),
    "/api/v1/harvester/acknowledge_commands": _post(lambda job, queue: {"command_ids": [1]}, of_a_job=False),
    # what is lent
    "/api/v1/creds/get_proxy": _get(dn="robot", of_a_job=False),
    "/api/v1/creds/get_key_pair": _get(public_key_name="k", private_key_name="k", of_a_job=False),
    "/api/v1/creds/get_access_token": _get(client_name="c", token_key="K", of_a_job=False),
    "/api/v1/creds/get_token_key": _get(client_name="c", of_a_job=False),
    "/server/panda/getProxy": _post(lambda job, queue: {"dn": "robot"}, _coded, form=True, of_a_job=False),
    "/server/panda/getKeyPair": _post(
        lambda job, queue: {"publicKeyName": "k", "privateKeyName": "k"}, _coded, form=True, of_a_job=False),
    "/server/panda/get_access_token": _get(_coded, client_name="c", token_key="K", of_a_job=False),
    "/server/panda/get_token_key": _get(_coded, client_name="c", of_a_job=False),
    # one's own
    "/api/v1/creds/set_user_secrets": _post(lambda job, queue: {"key": "k", "value": MARK}, of_a_job=False),
    "/api/v1/creds/get_user_secrets": _get(of_a_job=False),
    "/server/panda/set_user_secret": _post(lambda job, queue: {"key": "k", "value": MARK}, _plain, form=True, of_a_job=False),
    "/server/panda/get_user_secrets": _post(_nothing, _plain, form=True, of_a_job=False),
    "/api/v1/file_server/validate_cache_file": _post(
        lambda job, queue: {"file_size": 1, "checksum": 1}, _says("NOTFOUND"), of_a_job=False),
    "/api/v1/file_server/touch_cache_file": _post(_of_a_file, _says("there is no file"), of_a_job=False),
    "/api/v1/file_server/delete_cache_file": _post(_of_a_file, _says("there is no file"), of_a_job=False),
    "/api/v1/account/get_link_code": _post(_nothing, of_a_job=False),
    "/api/v1/account/link": _post(lambda job, queue: {"code": "x"}, _says("there is no code"), of_a_job=False),
    "/api/v1/account/unlink": _post(
        lambda job, queue: {"subject": "x", "anchor": "y"}, _says("there is no identity"), of_a_job=False),
    "/api/v1/system/get_attributes": _get(of_a_job=False),
    "/api/v1/system/get_user_attributes": _get(of_a_job=False),
    "/api/v1/system/get_voms_attributes": _get(of_a_job=False),
    "/server/panda/getAttr": _get(_plain, of_a_job=False),
    "/server/panda/getVomsAttr": _get(_plain, of_a_job=False),
    "/api/v1/metaconfig/get_banned_users": _get(of_a_job=False),
    "/api/v1/workflow/get_workflow_details": _get(_says("keeps no workflows"), of_a_job=False),
    "/ddm/callback": _post(
        lambda job, queue: {"event_type": "rule-ok", "payload": {"rule_id": "x"}}, _says("heard of 1"), of_a_job=False),
    # everybody
    "/api/v1/system/is_alive": _get(of_a_job=False),
    "/server/panda/isAlive": _get(_plain, of_a_job=False),
    "/api/v1/metaconfig/get_resource_types": _get(of_a_job=False),
    "/api/v1/statistics/active_job_stats_by_site": _get(of_a_job=False),
    "/api/v1/statistics/active_job_detailed_stats_by_site": _get(of_a_job=False),
    "/api/v1/statistics/demand": _get(of_a_job=False),
    "/server/panda/getResourceTypes": _post(_nothing, _plain, form=True, of_a_job=False),
    # pages
    "/": _page(),
    "/sites/": _page(),
    "/site/<name>/": _page(at=lambda job, queue: f"/site/{queue or 'Q0'}/"),
    "/jobs/": _page(),
    "/job/<panda_id>/": _page(at=lambda job, queue: f"/job/{job}/", of_a_job=True),
    "/job/<panda_id>/ with parameters, files and logs": _page(_whole, lambda job, queue: f"/job/{job}/", of_a_job=True),
    "/tasks/": _page(),
    "/task/<task_id>/": _page(at=lambda job, queue: f"/task/{FIRST_TASK + job}/", of_a_job=True),
    "/task/<task_id>/ with parameters, files and logs": _page(
        _whole_task, lambda job, queue: f"/task/{FIRST_TASK + job}/", of_a_job=True),
    "/errors/": _page(),
    "/loops/": _page(),
    "/search/": _page(),
    "/users/": _page(),
    "/user/<path:name>/": _page(at=lambda job, queue: "/user/alice/"),
}

ELSEWHERE = frozenset({
    "/cache/schedconfig/<queue>.all.json", "/cache/schedconfig/pandaqueues.json", "/cache/ddmendpoints.json",
    "/cache/<path:name>", "/trf/<path:name>", "/healthz", "/startupz", "/readyz", "/metrics", "/metrics/demand", "/auth/<name>",
    "/api/v1/openapi.json", "/docs", "/api/v1/file_server/upload_cache_file", "/monitor/style.css", "/monitor/icon.svg"})
"""Public files, what the server says of itself, its health, and what takes no parameters but a file: see tests/api."""


def path_of(name: str) -> str:
    """Of the route; what stands behind it tells ways to use it apart."""
    return name.partition(" ")[0]
