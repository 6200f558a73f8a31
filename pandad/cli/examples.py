"""Of each command an example, and the shape of its JSON: for --help, the manual pages and the reference.

In shapes ``[...]`` is a list of such, ``{a, b}`` an object with these keys; times are ISO 8601 with their zone.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """``lines``: what one would type. ``json``: the shape of what --json prints; "" where there is no such option."""

    lines: tuple[str, ...]
    json: str = ""


def _said(*lines: str, json: str = "") -> Said:
    return Said(lines, json)


_QUEUE = "queue, site, status, cores, memory_mb, disk_mb, walltime_s, platforms, resource_types"
_JOB = "every attribute of the job by PanDA's name, Files: [{lfn, type, status, ...}]"
_TASK = "every attribute of the task by PanDA's name, nFiles, nFilesFinished, nFilesFailed, raw_task_params, ..."
_STEERED = "[{jediTaskID, taken, message}]"
_SWITCHED = "[{queue, was, status}]"
_DENIED = "[{denial: {issuer, kind, value}, reason, denied_by, denied_at}]"
_ACCOUNT = "{account, label, roles, identities}"
_CHANGES = "{kind, source, applied, added, changed, gone, ..., mistakes: [{name, key, problem}]}"

_FINDINGS = "{clean, errors, warnings, findings: [{fault, level, place, key, text, remedy, page}]}"

SAID: Mapping[str, Said] = {
    "sandbox": _said("pandad sandbox /var/tmp/panda", "pandad sandbox /var/tmp/panda --stop"),
    "demo": _said("pandad demo --json",
                  json="[{PandaID, jobName, jobStatus, computingSite, attemptNr, timeline, output, problem, ...}]"),
    "check": _said("pandad check --config /etc/pandad/pandad.toml", json=_FINDINGS),
    "doctor": _said("pandad doctor", "pandad doctor --list", json=_FINDINGS),
    "job submit": _said(
        "pandad job submit job.toml --wait", "pandad job submit job.toml --dry-run",
        json="[{PandaID, jobDefinitionID, jobName}]; with --wait as of `job show`, with --dry-run of `job where`"),
    "job where": _said(
        "pandad job where job.toml",
        json="[{jobName, queue, summary, next_step, queues, nearest, funnel, ...}]; queue is null where none takes it"),
    "job ls": _said(
        "pandad job ls --status running holding", "pandad job ls --status activated --ids | pandad job kill -",
        json="[{PandaID, jobName, jobStatus, computingSite, attemptNr, stateChangeTime, jediTaskID, currentPriority}]"),
    "job show": _said("pandad job show 1234 1235", json=f"[{{{_JOB}}}]"),
    "job wait": _said("pandad job wait 1234 1235", json=f"[{{{_JOB}}}]"),
    "job kill": _said("pandad job kill 1234 1235", "pandad job kill - --dry-run < ids.txt",
                      json="[{PandaID, killed, reason}]; with --dry-run [{PandaID, jobStatus, live}]"),
    "job files": _said("pandad job files 1234", json="[{PandaID, lfn, type, status, fsize, checksum, destinationSE, ...}]"),
    "job log": _said("pandad job log 1234",
                     json="[{PandaID, jobStatus, lfn, scope, status, endpoint, bytes, pilotID, live}]"),
    "job debug": _said("pandad job debug 1234 on", "pandad job debug 1234 tail -n 50 pilotlog.txt", "pandad job debug 1234",
                       json="{PandaID, debug, stdout, commands: [{command, told, at, output}]}; on and off: {PandaID, debug}; "
                            "a command: {PandaID, command}"),
    "job why": _said("pandad job why 1234 --now",
                     json="[{PandaID, jobStatus, reason, summary, next_step, since, ...}]: docs/reference/why.md"),
    "job timeline": _said("pandad job timeline 1234",
                          json="[{PandaID, at, event, from, to, attemptNr, actor, who, why}], of each job the oldest first"),
    "task ls": _said("pandad task ls --status running pending",
                     "pandad task ls --name 'user.alice.x*' --json | pandad task kill -", json=f"[{{{_TASK}}}]"),
    "task show": _said("pandad task show 10000001", json=f"[{{{_TASK}}}]"),
    "task why": _said("pandad task why 10000001", json="[{jediTaskID, status, summary, jobs}]: docs/reference/tasks.md"),
    "task history": _said("pandad task history 10000001", json="[{jediTaskID, at, event, was, became, actor, who, why}]"),
    "task kill": _said("pandad task kill 10000001 10000002", json=_STEERED),
    "task finish": _said("pandad task finish 10000001 --soft", json=_STEERED),
    "task retry": _said("pandad task retry 10000001", json=_STEERED),
    "task pause": _said("pandad task pause 10000001", json=_STEERED),
    "task resume": _said("pandad task resume 10000001", json=_STEERED),
    "queue add": _said("pandad queue add my_queue.json", json=f"[{{{_QUEUE}}}]"),
    "queue import": _said("pandad queue import https://cric.example.org/queues.json --dry-run", json=_CHANGES),
    "queue diff": _said("pandad queue diff queues.json", json=_CHANGES),
    "queue sources": _said("pandad queue sources", json="[{kind, source, tried, last_good, problem}]"),
    "queue ls": _said("pandad queue ls", json=f"[{{{_QUEUE}, source_status, reason, set_by, set_at, until, jobs, source, gone, "
                                              "changed_by, changed}]"),
    "queue show": _said("pandad queue show SITE_A", json="{as of `queue ls`, and description: {the schedconfig keys}}"),
    "queue set": _said("pandad queue set SITE_A status=brokeroff 'reason=disk full' until=2h",
                       "pandad queue set SITE_A status=source", json=f"[{{{_QUEUE}}}]"),
    "queue online": _said("pandad queue online SITE_A SITE_B", json=_SWITCHED),
    "queue test": _said("pandad queue test SITE_A --reason 'new storage' --until 1d", json=_SWITCHED),
    "queue drain": _said("pandad queue drain SITE_A --reason 'downtime' --until 2026-12-31T18:00", json=_SWITCHED),
    "queue undrain": _said("pandad queue undrain SITE_A", json=_SWITCHED),
    "queue offline": _said("pandad queue offline SITE_A --reason 'closed' --dry-run", json=_SWITCHED),
    "queue rm": _said("pandad queue rm SITE_A", json="{removed}"),
    "queue why": _said("pandad queue why SITE_A", json="{queue, summary, ...}: docs/reference/why.md"),
    "queue load": _said("pandad queue load", json="{queue: {state: jobs}}"),
    "secret set": _said("pandad secret set MY_TOKEN token.txt", "pandad secret set MY_TOKEN - < token.txt", json="{name, kept}"),
    "secret rm": _said("pandad secret rm MY_TOKEN", json="{name, kept}"),
    "secret ls": _said("pandad secret ls", json="[name]"),
    "token deny": _said("pandad token deny https://issuer.example/ --subject alice --reason 'laptop stolen'", json=_DENIED),
    "token allow": _said("pandad token allow https://issuer.example/ --subject alice", json="[]"),
    "token ls": _said("pandad token ls", json=_DENIED),
    "token show": _said("pandad token show token.txt", json="{claim: value}"),
    "whoami": _said("pandad whoami", json="{subject, anchor, kind, not_after, vo, fqans, account, roles, groups, remarks, ...}"),
    "link": _said("pandad link", "pandad link CODE --with '/DC=org/CN=alice'", json="{code, expires}; with a code {account}"),
    "user show": _said("pandad user show '/DC=org/CN=alice'",
                       json=f"{{accounts: [{_ACCOUNT}], bans: [{{ban, who, since, until, by, reason}}]}}"),
    "user ban": _said("pandad user ban 'account 7' --reason 'floods the queues' --until 2026-12-31", json="{banned}"),
    "user unban": _said("pandad user unban 'account 7'", json="{lifted}"),
    "user link": _said("pandad user link '/DC=org/CN=alice from /DC=org/CN=CA' '1234 from https://issuer.example/'",
                       json="{account}"),
    "user unlink": _said("pandad user unlink '1234 from https://issuer.example/'", json="{account}"),
    "user grant": _said("pandad user grant 'account 7' production", json=_ACCOUNT),
    "user revoke": _said("pandad user revoke 'account 7' production", json=_ACCOUNT),
    "credential put": _said("pandad credential put proxy '/DC=org/CN=robot' robot.proxy --until 2026-12-31", json="{put}"),
    "credential rm": _said("pandad credential rm proxy '/DC=org/CN=robot'", json="{removed}"),
    "credential ls": _said("pandad credential ls", json="[{kind, name, role, not_after, changed, by}]"),
    "audit show": _said("pandad audit show --act ban --days 7",
                        json="[{at, who, host, act, target, why, place, seal, ...}], the newest first"),
    "audit verify": _said("pandad audit verify", json="{problems, rows, unsealed, without_key}"),
    "access": _said("pandad access", json="[{call, by, credential, role, reaches}]"),
    "timeouts": _said("pandad timeouts", json="[{setting, state, jobs, counted from, limit, what happens, error}]"),
    "metrics": _said("pandad metrics", json="[{series, kind, labels, meaning}]"),
    "errorcodes": _said("pandad errorcodes jobDispatcher 100", json="[{source, code, name, meaning, remedy}]"),
    "loop ls": _said("pandad loop ls",
                     json="[{name, holder, term, lease_until, started_at, finished_at, runs, failures, error}]"),
    "loop run": _said("pandad loop run brokerage", json="as the console has it"),
    "console": _said("pandad console", "pandad console why 1234", json="as the console's verb has it"),
    "backup": _said("pandad backup", json="{dump, archive, restore: [command], files: [{path, what, secret}]}"),
    "upgrade": _said("pandad upgrade", "pandad upgrade --now --backup before.dump",
                     json="{applied, known, done, migrations: [{migration, says, older_pandads}], touched: [{table, rows, "
                          "bytes}], daemons, way_back, took_s, findings: [{invariant, id, text}], stopped}"),
    "fsck": _said("pandad fsck", "pandad fsck --after-restore --repair",
                  json="{clean, looked_at, findings: [{invariant, severity, id, text, remedy}], more, repaired, stopped}"),
    "completion": _said("pandad completion bash > /etc/bash_completion.d/pandad"),
    "man": _said("pandad man job", "pandad man --out /usr/local/share/man/man1"),
}
"""By the words behind `pandad`."""


def add(parser: argparse.ArgumentParser, words: str) -> None:
    """Have the help of a command, and of those below it, end with its example.

    :param words: those that lead there, behind `pandad`.
    """
    if words in SAID:
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = "for example:\n" + "\n".join(f"  {line}" for line in SAID[words].lines)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                add(below, f"{words} {name}")
