"""What the route table does not say: who makes each call, and what comes of making it again when its answer was lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Use(NamedTuple):
    """``by``: programs that call it. ``again``: what a second call of the same does."""

    by: str
    again: str


READS = "reads only"
SAME = "the same again changes nothing"
PILOT, CLIENT, HARVESTER = "pilots", "panda-client", "Harvester"
PANDAD, PEOPLE, OPERATORS, MONITORS = "the command `pandad`", "people in a browser", "operators", "monitors"
VERB = "is answered by the state it finds: what was done already is refused with code 4, or done again"

API = "/api/v1/"
LEGACY = "/server/panda/"

USES: Mapping[str, Use] = {
    # pilots
    f"{LEGACY}getJob": Use(PILOT, "gives another job; one whose answer was lost goes back to the queue after [timeouts] sent_s"),
    f"{LEGACY}updateJob": Use(PILOT, "same report, same answer, one effect; pilots send again by themselves"),
    f"{LEGACY}updateWorkerPilotStatus": Use("pilots under Harvester", SAME),
    f"{LEGACY}getStatus": Use("old tools", READS),
    f"{LEGACY}getResourceTypes": Use("pilots of ATLAS", READS),
    f"{LEGACY}isAlive": Use("scripts", READS),
    f"{LEGACY}getProxy": Use(PILOT, READS),
    f"{LEGACY}getKeyPair": Use("pilots, for object stores", READS),
    f"{LEGACY}get_access_token": Use("pilots, to renew a token", READS),
    f"{LEGACY}get_token_key": Use("Harvester's credential managers", READS),
    f"{LEGACY}setDebugMode": Use("pilots started so", SAME),
    f"{LEGACY}send_command_to_job": Use("old clients", SAME),
    f"{LEGACY}set_user_secret": Use("old clients", SAME),
    f"{LEGACY}get_user_secrets": Use("pilots with a message service, old clients", READS),
    f"{LEGACY}getAttr": Use("old clients", READS),
    f"{LEGACY}getVomsAttr": Use("old clients", READS),
    f"{API}pilot/acquire_jobs": Use(HARVESTER, "as getJob"),
    f"{API}pilot/update_job": Use("coming pilots", "as updateJob"),
    f"{API}pilot/update_jobs_bulk": Use(HARVESTER, "as updateJob, row by row; only refused rows are to be sent again"),
    f"{API}pilot/update_worker_status": Use("coming pilots", SAME),
    f"{API}pilot/get_job_status": Use("tools", READS),
    # Harvester
    **{f"{API}harvester/{word}": Use(HARVESTER, SAME) for word in (
        "heartbeat", "update_workers", "report_worker_statistics", "add_dialogs", "update_service_metrics",
        "acknowledge_commands")},
    f"{API}harvester/get_worker_statistics": Use(HARVESTER, READS),
    f"{API}harvester/get_current_worker_id": Use("a Harvester that lost its database", READS),
    f"{API}harvester/acquire_commands": Use(HARVESTER, "gives what was not told within the hour"),
    f"{API}harvester/add_sweep_command": Use(OPERATORS, "the newest takes the place of one that was not acknowledged"),
    # credentials
    f"{API}creds/set_user_secrets": Use("pbook", SAME),
    f"{API}creds/get_user_secrets": Use("pbook", READS),
    f"{API}creds/get_proxy": Use(HARVESTER, READS),
    f"{API}creds/get_key_pair": Use(HARVESTER, READS),
    f"{API}creds/get_access_token": Use(HARVESTER, READS),
    f"{API}creds/get_token_key": Use(HARVESTER, READS),
    f"{API}account/get_link_code": Use(PANDAD, "gives another code; the oldest of more than five open ones goes"),
    f"{API}account/link": Use(PANDAD, "is answered as the first time"),
    f"{API}account/unlink": Use(PANDAD, "is refused: it is no identity of the caller's any more"),
    # jobs
    f"{API}job/submit": Use("panda-client, `pandad`", "with `request_id`, or with outputs of fixed names: the first answer; "
                            "else more jobs"),
    f"{API}job/get_description": Use("panda-client, `pandad`", READS),
    f"{API}job/get_description_incl_archive": Use(CLIENT, READS),
    f"{API}job/get_status": Use(HARVESTER, READS),
    f"{API}job/get_metadata_for_analysis_jobs": Use("pbook", READS),
    f"{API}job/list": Use(PANDAD, READS),
    f"{API}job/kill": Use("panda-client, `pandad`", SAME),
    f"{API}job/set_debug_mode": Use("pbook, `pandad`", SAME),
    f"{API}job/set_command": Use(PANDAD, SAME),
    f"{API}job/get_debug_output": Use(PANDAD, READS),
    f"{API}job/get_timeline": Use(PANDAD, READS),
    f"{API}job/why": Use(PANDAD, READS),
    f"{API}job/try_brokerage": Use(PANDAD, READS),
    f"{API}queue/why": Use(PANDAD, READS),
    # tasks
    f"{API}task/submit": Use("prun, pathena", "the same within [userinterface] submit_repeat_window_s: the first answer; "
                             "the same name later: code 2 while it lives, and it is set going again after its end"),
    f"{API}task/kill": Use("pbook", VERB),
    f"{API}task/finish": Use("pbook", VERB),
    f"{API}task/retry": Use("pbook", VERB),
    f"{API}task/pause": Use("pbook", VERB),
    f"{API}task/resume": Use("pbook", VERB),
    f"{API}task/reactivate": Use(CLIENT, VERB),
    f"{API}task/reload_input": Use("pbook", VERB),
    f"{API}task/increase_attempts": Use(CLIENT, "adds to the attempts again"),
    **{f"{API}task/{read}": Use(CLIENT, READS) for read in (
        "get_status", "get_task_parameters", "get_details", "get_detailed_info", "get_parent_detailed_info", "get_job_ids",
        "get_job_descriptions", "get_datasets_and_files", "get_tasks_modified_since")},
    f"{API}task/get_tasks_detailed_info_since": Use("pbook", READS),
    f"{API}task/why": Use(PANDAD, READS),
    f"{API}task/get_history": Use(PANDAD, READS),
    # files
    f"{API}file_server/validate_cache_file": Use("prun, pathena", "reads, and keeps the file for longer"),
    f"{API}file_server/upload_cache_file": Use("prun, pathena", "the same file under the same name is fine, another one refused"),
    f"{API}file_server/touch_cache_file": Use("scripts", SAME),
    f"{API}file_server/delete_cache_file": Use("scripts", "is refused: there is no such file any more"),
    "/cache/<path:name>": Use("payload scripts", READS),
    "/trf/<path:name>": Use(PILOT, READS),
    "/cache/schedconfig/<queue>.all.json": Use(PILOT, READS),
    "/cache/schedconfig/pandaqueues.json": Use("Harvester's cacher", READS),
    "/cache/ddmendpoints.json": Use("pilots, Harvester's cacher", READS),
    # the server
    f"{API}system/is_alive": Use("panda-client, Harvester", READS),
    f"{API}system/get_attributes": Use(CLIENT, READS),
    f"{API}system/get_user_attributes": Use("`pandad whoami`", READS),
    f"{API}system/get_voms_attributes": Use("tools", READS),
    f"{API}metaconfig/get_banned_users": Use("tools", READS),
    f"{API}metaconfig/get_resource_types": Use(HARVESTER, READS),
    f"{API}statistics/active_job_stats_by_site": Use(HARVESTER, READS),
    f"{API}statistics/active_job_detailed_stats_by_site": Use(HARVESTER, READS),
    f"{API}statistics/demand": Use("autoscalers", READS),
    f"{API}workflow/get_workflow_details": Use("pbook", "declines: this server keeps no workflows"),
    f"{API}openapi.json": Use("programs that make clients or tests", READS),
    "/docs": Use(PEOPLE, READS),
    "/auth/<name>": Use("panda-client, before its first token", READS),
    "/ddm/callback": Use("Rucio's hermes", "is heard again, and changes nothing"),
    "/healthz": Use(MONITORS, READS),
    "/startupz": Use(MONITORS, READS),
    "/readyz": Use("load balancers", READS),
    "/metrics": Use("Prometheus", READS),
    "/metrics/demand": Use("autoscalers", READS),
}
