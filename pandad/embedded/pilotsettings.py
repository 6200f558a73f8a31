"""What a pilot is told so that it works for this server, fast and without grid software.

All of it is configuration: the file that HARVESTER_PILOT_CONFIG names, the command line, the environment and
the queue's description.

* Payloads. The pilot downloads a payload only from addresses it was built with. PAYLOAD_BASE_URL is one of
  them; it is plain HTTP, so with `http_proxy` set to the server's plain port curl asks that port for the full
  address (`GET http://host/trf/user/name`, RFC 9112 3.2.2).
* Failures. The pilot holds back the report of a failed job for 115 s, waiting for a stage-out that has
  already happened (pilot/control/job.py, wait_for_aborted_job_stageout); nothing configures that wait. But
  when the pilot's own time is up it reports at once, and what it reports first is the first error it found:
  the payload's, with its exit code. So `lifetime_s` is how long after its start a pilot reports a failed job
  at the latest (plus FAILURE_LAG_S), and also how long a job may take. This early report lacks the list of
  files, so the log tarball of such a job lies in the storage without being named in the report.
* Python 3.13 has no `pipes` any more, of which the pilot uses one function. Where an interpreter lacks it, a
  module of this name with that function is put on PYTHONPATH.
"""

from __future__ import annotations

import configparser
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pandad.embedded.containment import ENVIRONMENT

PAYLOAD_BASE_URL = "http://pandaserver-doma.cern.ch:25080/trf/user/"
"""What a job's `transformation` must begin with (pilot/user/generic/setup.py, get_valid_base_urls)."""

LOG_NAME = "pilot.out"
TOKEN_NAME = "pilot.token"

FAILURE_LAG_S = 10
"""The pilot looks at its clock every few seconds, and ten of them share a processor or two: 4 to 6 s were seen."""

SHIMS: Mapping[str, str] = {"pipes": "from shlex import quote\n\n__all__ = ['quote']\n"}
"""Modules the pilot imports that newer Pythons lack, and all of each that it uses."""


@dataclass(frozen=True)
class PilotSettings:
    """One pilot and the server it works for. The server's names are those of its certificate."""

    source: Path
    """What prepare_pilot returned."""
    workdir: Path
    """A directory that does not exist; everything the pilot writes but its outputs is below it."""
    queue: str
    tls_port: int
    http_port: int
    proxy_file: Path
    """PEM: certificate, chain and key. A copy that the pilot may read is made."""
    ca_dir: Path
    """Certificates under their hashed names."""
    storage_root: Path
    """Handed over to the pilot's account, with all that is in it."""
    token_file: Path | None = None
    """A bearer token, no line end behind it: what the pilot shows to the server instead of the proxy. A copy is made."""
    token_origin: str = ""
    """VO:ROLE that goes with the token."""
    host: str = "localhost"
    label: str = "user"
    job_requests: int = 1
    lifetime_s: int = 60
    """From the pilot's start: see "Failures" above. Long enough for a job and a restart of the server on the way."""
    heartbeat_s: int = 10
    update_retry_s: int = 5
    """Between the ten attempts that the pilot makes to deliver an update."""
    node: str | None = None
    """The worker node's name in the pilot's requests; by default the machine's."""
    extra_environment: Mapping[str, str] = field(default_factory=dict)
    """For what only some pilots have: HARVESTER_ID, HARVESTER_WORKER_ID ..."""


def queue_description(
    name: str, site: str, endpoint: str, *, max_walltime_s: int = 0, max_memory_mb: int = 4000, cores: int = 1
) -> dict[str, Any]:
    """The queue as the pilot wants it at /cache/schedconfig/<name>.all.json: files are moved and linked,
    never copied over a network. `max_walltime_s` other than 0 overrides PilotSettings.lifetime_s in the
    pilot.

    Keys: pilot/info/queuedata.py of the pilot; `state` and `status` decide whether it starts at all."""
    return {
        "nickname": name,
        "panda_resource": name,
        "atlas_site": site,
        "state": "ACTIVE",
        "status": "online",
        "resource_type": "grid",
        "container_type": "",
        "containers": ["none"],
        "catchall": "mv_final_destination",
        "copytools": {"mv": {"setup": ""}},
        "acopytools": {activity: ["mv"] for activity in ("pr", "pw", "pl")},
        "astorages": {activity: [endpoint] for activity in ("pr", "pw", "pl")},
        "corecount": cores,
        "maxrss": max_memory_mb,
        "maxtime": max_walltime_s,
        "maxwdir": 20000,
        "maxinputsize": 14336,
        "timefloor": 0,
        "is_cvmfs": False,
    }


def configuration(settings: PilotSettings) -> configparser.ConfigParser:
    """The pilot's default configuration with our values; the pilot does not merge the two itself."""
    configuration = configparser.ConfigParser()
    with open(settings.source / "pilot" / "util" / "default.cfg") as file:
        configuration.read_file(file)
    plain = f"http://{settings.host}:{settings.http_port}/cache"
    configuration["Pilot"].update(
        {
            "pandaserver": f"https://{settings.host}:{settings.tls_port}",
            "heartbeat": str(settings.heartbeat_s),
            "debug_heartbeat": str(max(1, settings.heartbeat_s // 2)),
            "update_sleep": str(settings.update_retry_s),
            "http_connect_timeout": "5",
            "http_maxtime": "30",
            "free_space_limit": "100 MB",
            "free_space_limit_running": "50 MB",
            "utility_after_payload_started": "",
        }
    )
    configuration["Information"].update(
        {
            "queuedata_url": f"{plain}/schedconfig/{{pandaqueue}}.all.json",
            "queues_url": f"{plain}/schedconfig/{{pandaqueue}}.all.json",
            "storages_url": f"{plain}/ddmendpoints.json",
        }
    )
    return configuration


def arguments(settings: PilotSettings) -> list[str]:
    """The pilot's command line, without the interpreter."""
    workdir = settings.workdir
    plain = f"http://{settings.host}:{settings.http_port}/cache"
    options = {
        "--pilot-user": "generic",
        "--workflow": "generic",
        "--workdir": str(workdir),
        "--queue": settings.queue,
        "--joblabel": settings.label,
        "--versiontag": "PR",
        "--lifetime": str(settings.lifetime_s),
        "--getjobrequests": str(settings.job_requests),
        "--cleanup": "False",
        "--url": f"https://{settings.host}",
        "--port": str(settings.tls_port),
        "--queuedata-url": f"{plain}/schedconfig/{{pandaqueue}}.all.json",
        "--storagedata-url": f"{plain}/ddmendpoints.json",
        "--use-rucio-traces": "False",
        "--input-destination-dir": str(settings.storage_root),
    }
    return [
        str(workdir / "source" / "pilot.py"),
        "--debug",
        *(word for option in options.items() for word in option),
    ]


def environment(settings: PilotSettings) -> dict[str, str]:
    """All that the pilot sees of the environment."""
    workdir = settings.workdir
    return {
        **ENVIRONMENT,
        "HOME": str(workdir),
        "TMPDIR": str(workdir / "tmp"),
        "PYTHONPATH": str(workdir / "shims"),
        "HARVESTER_PILOT_CONFIG": str(workdir / "pilot.cfg"),
        "X509_USER_PROXY": str(workdir / "proxy.pem"),
        "X509_CERT_DIR": str(workdir / "certificates"),
        "GTAG": f"file://{settings.host}{workdir / LOG_NAME}",
        "PANDA_JSID": "pandad",
        "PANDA_HOSTNAME": settings.node or socket.gethostname(),
        "http_proxy": f"http://{settings.host}:{settings.http_port}",
        "no_proxy": f"{settings.host},localhost,127.0.0.1",
        **(token_environment(settings) if settings.token_file is not None else {}),
        **settings.extra_environment,
    }


def token_environment(settings: PilotSettings) -> dict[str, str]:
    """Where the pilot finds its token (pilot/util/https.py, locate_token): a name, and a folder with a slash at its end."""
    return {"PANDA_AUTH_TOKEN": TOKEN_NAME, "PANDA_AUTH_DIR": f"{settings.workdir}/", "PANDA_AUTH_ORIGIN": settings.token_origin}
