"""What the crash points are there for: every call, command, loop and limit that changes something, and the lives that cut it.

A reason stands where no life does.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from . import queues, rights, tasklives, trouble
from . import scenarios as s
from .limits import LIMITS
from .scenarios import SCENARIOS
from .ways import Scenario

Covered = Mapping[str, tuple[Scenario, ...] | str]

READS = "reads"
SAYS = "says what it knows without the database"

ROUTES: Covered = {
    "/api/v1/creds/set_user_secrets": (s.with_a_secret,),
    "/api/v1/creds/get_user_secrets": READS,
    "/api/v1/creds/get_proxy": READS,
    "/api/v1/creds/get_key_pair": READS,
    "/api/v1/creds/get_access_token": READS,
    "/api/v1/creds/get_token_key": READS,
    "/api/v1/file_server/upload_cache_file": (rights.uploaded,),
    "/api/v1/file_server/validate_cache_file": "one statement, which is as good when it is done again",
    "/api/v1/file_server/touch_cache_file": (rights.uploaded,),
    "/api/v1/file_server/delete_cache_file": (rights.uploaded,),
    "/api/v1/account/get_link_code": (rights.linked, rights.asked_for_codes),
    "/api/v1/account/link": (rights.linked,),
    "/api/v1/account/unlink": (rights.unlinked,),
    "/api/v1/task/submit": (tasklives.task_done,),
    **dict.fromkeys([f"/api/v1/task/{verb}" for verb in (
        "kill", "finish", "retry", "pause", "resume", "reactivate", "reload_input", "increase_attempts")],
        (tasklives.task_steered,)),
    **dict.fromkeys([f"/api/v1/task/{read}" for read in (
        "get_status", "get_task_parameters", "get_details", "get_detailed_info", "get_parent_detailed_info", "get_job_ids",
        "get_job_descriptions", "get_datasets_and_files", "get_history", "why", "get_tasks_modified_since",
        "get_tasks_detailed_info_since")], READS),
    "/api/v1/job/submit": (s.finished, s.submitted_together),
    "/api/v1/job/get_description": READS,
    "/api/v1/job/get_description_incl_archive": READS,
    "/api/v1/job/list": READS,
    **dict.fromkeys([f"/api/v1/harvester/{word}" for word in (
        "heartbeat", "update_workers", "report_worker_statistics", "add_dialogs", "update_service_metrics",
        "acknowledge_commands", "add_sweep_command")], "what it says replaces what was said before, whole"),
    "/api/v1/harvester/acquire_commands": "a command whose answer was lost is told again",
    "/api/v1/harvester/get_worker_statistics": READS,
    "/api/v1/harvester/get_current_worker_id": READS,
    "/api/v1/job/get_metadata_for_analysis_jobs": READS,
    "/api/v1/job/kill": (s.killed_early, s.killed_in_slot),
    "/api/v1/job/set_debug_mode": (s.debugged,),
    "/api/v1/job/set_command": (s.debugged,),
    "/api/v1/job/get_debug_output": READS,
    "/api/v1/job/why": READS,
    "/api/v1/job/try_brokerage": READS,
    "/api/v1/queue/why": READS,
    "/api/v1/job/get_timeline": READS,
    "/api/v1/pilot/acquire_jobs": (s.finished, s.taken_with_others, s.with_a_secret, s.of_a_worker),
    "/api/v1/pilot/update_job": (s.finished, s.failed, s.checked, s.recovered, s.killed_in_slot, s.debugged),
    "/api/v1/pilot/update_jobs_bulk": (s.reported_together,),
    "/api/v1/pilot/update_worker_status": (s.of_a_worker,),
    "/ddm/callback": "what it says only hastens a look that comes anyway",
    "/api/v1/system/get_attributes": SAYS,
    "/api/v1/system/get_user_attributes": SAYS,
    "/api/v1/system/get_voms_attributes": SAYS,
    "/api/v1/metaconfig/get_banned_users": READS,
    "/api/v1/workflow/get_workflow_details": SAYS,
    "/server/panda/getJob": (s.finished,),
    "/server/panda/updateJob": (s.finished,),
    "/server/panda/updateWorkerPilotStatus": (s.of_a_worker,),
    "/server/panda/getProxy": READS,
    "/server/panda/getKeyPair": READS,
    "/server/panda/get_access_token": READS,
    "/server/panda/get_token_key": READS,
    "/server/panda/getAttr": SAYS,
    "/server/panda/getVomsAttr": SAYS,
    "/server/panda/setDebugMode": (s.debugged,),
    "/server/panda/send_command_to_job": (s.debugged,),
    "/server/panda/set_user_secret": (s.with_a_secret,),
    "/server/panda/get_user_secrets": READS,
    "/users/": READS,
    "/user/<path:name>/": READS,
}
"""By path, all routes but the passive ones, which read. A route of the legacy dialect calls the same room as that of API v1."""

LOOPS: Covered = {
    "brokerage": (s.finished, s.elsewhere, s.queue_opened),
    "brake": (trouble.queue_braked,),
    "rebrokerage": (s.queue_gone, trouble.queue_left),
    "activator": (s.finished,),
    "adder": (s.finished, s.failed, s.with_more_memory, s.elsewhere),
    **dict.fromkeys(("placements", "outbox", "finisher", "closer"),
                    "only at a Rucio: in front of one tests/dataservice/cuts.py cuts them"),
    "watcher": tuple(LIMITS),
    "caps": (s.held_back,),
    "ageing": (s.aged,),
    "historian": (s.archived,),
    "queues": (queues.source_followed,),
    "alive": (s.after_an_outage,),
    "cache": (rights.uploaded,),
    "rights": READS,
    "audit": (rights.sealed,),
    "tasks": (tasklives.task_done,),
    "tally": (s.counted,),
    "traffic": (s.counted,),
}

NOT_CUT: Mapping[str, str] = {
    **dict.fromkeys((
        "audit_verify", "cli_standing", "fsck_look", "fsck_look_again", "pilot_secrets", "ready", "upgrade_plan",
        "watch_list"), READS),
    "fsck_pause": "waits",
    "console_line": "the audit of what was said on a console: one statement, again with the next line if it was not stored",
    "console_queue_set": "the same statements in one transaction as queue_set, which is cut",
    "tasks_idle": "puts off the next look at tasks of which there is no news",
    "task_trouble": "a task that no pandad could go on with is broken or put off: one statement, found again in the next round",
    "notify": "a hint that may get lost: no border",
    **dict.fromkeys(("outbox_put_off", "outbox_settle", "finisher_put_off", "finisher_write", "closer",
                     "placements_write"),
                    "tests/dataservice/cuts.py cuts it"),
    **dict.fromkeys(("finisher_heard", "ddm_told"), "hearsay: what it brings forward comes anyway"),
    "reload_noted": "the audit of what changed in a file: one statement, again later if it was not stored",
    **dict.fromkeys(("avoidance_write", "placements_leave"),
                    "one transaction at a Rucio: what is due, and was not done, is found in the next round"),
    **dict.fromkeys(("count_workers", "harvester_beat", "harvester_dialogs", "harvester_metrics", "update_workers"),
                    "one transaction; a Harvester says it again, and soon something newer"),
    "harvester_commands": "a command whose answer was lost is told again",
    "harvester_done": "one statement; who did not hear says it again",
    "sweep": "one statement; the same command again takes the place of the first",
    "upgrade": "one transaction under a lock, all of it or nothing; whoever starts next does it again",
}
"""By name, the transactions that no life has under the scalpel, and why not."""

LIMITS_PAST: Covered = {life.__name__.removeprefix("past_"): (life,) for life in LIMITS}
"""By row of the table of timeouts."""


def written(house: Path) -> Iterator[str]:
    """The name of every transaction in the text of pandad that is not on the connections for reading; * for what varies."""
    for path in sorted(house.rglob("*.py")):
        yield from names_in(ast.parse(path.read_text("utf-8")))


def names_in(module: ast.Module) -> Iterator[str]:
    """Those of a module. A function that is told the name is followed to where it is called."""
    functions = [each for each in ast.walk(module) if isinstance(each, ast.FunctionDef)]
    for first in [call.args[0] for call in _calls(module, "transact", "once")]:
        match first:
            case ast.Constant(value=str(name)):
                yield name
            case ast.JoinedStr(values=parts):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in parts)
            case ast.Name(id=told):
                yield from (name for function in functions if first in ast.walk(function)
                            for name in _told(module, function, told))


def _told(module: ast.Module, function: ast.FunctionDef, parameter: str) -> Iterator[str]:
    """What a function is called with for that parameter."""
    place = [each.arg for each in function.args.args].index(parameter)
    for call in _calls(module, function.name):
        match call.args[place]:
            case ast.Constant(value=str(name)):
                yield name


def _calls(module: ast.Module, *names: str) -> Iterator[ast.Call]:
    for call in ast.walk(module):
        match call:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in names:
                yield call


def uncut(names: Collection[str], cut: Collection[str]) -> list[str]:
    """Transactions of these names that are not among those cut, nor excused; and what is excused for nothing."""
    missed = {name for name in names if not any(fnmatchcase(each, name) for each in cut)}
    return [*(f"{name}: never cut" for name in sorted(missed - NOT_CUT.keys())),
            *(f"{name}: needs no excuse" for name in sorted(NOT_CUT.keys() - missed))]


def lives(covered: Covered) -> Iterator[Scenario]:
    """Those that stand in a table."""
    for each in covered.values():
        yield from each if isinstance(each, tuple) else ()


def gaps(wanted: Iterable[str], covered: Covered) -> list[str]:
    """What no life cuts and no reason excuses; what is not there any more; and lives that are never led."""
    names = set(wanted)
    return [
        *(f"{name}: no life" for name in sorted(names - covered.keys())),
        *(f"{name}: there is no such thing" for name in sorted(covered.keys() - names)),
        *(f"{life.__name__}: never led" for life in lives(covered) if life not in SCENARIOS)]
