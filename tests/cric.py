"""Dumps shaped like CRIC's: as many queues, storage endpoints and links as wanted, odd values among them, by a seed."""

from __future__ import annotations

from random import Random
from typing import Any

CLOUDS = {"US": "United States", "DE": "Germany", "FR": "France", "CERN": "Switzerland", "CA": "Canada", "ND": "Norway"}
STATUSES = ("online",) * 12 + ("brokeroff", "test", "offline", "paused", "standby")
GPUS = (
    [{"arch": ["x86_64"], "instr": ["avx2", "sse4_2"], "type": "cpu", "vendor": ["intel", "amd"]}],
    [{"arch": ["x86_64"], "type": "cpu", "vendor": ["amd"]},
     {"type": "gpu", "vendor": ["nvidia"], "model": ["a100", "v100"], "vram": 40}],
)
ODD: dict[str, Any] = {
    "odd_null": None,
    "odd_empty": "",
    "odd_number_as_text": "0042",
    "odd_big": 2**80 + 1,
    "odd_one": 1.0,
    "odd_small": 1e-07,
    "odd_exponent": 1e22,
    "odd_digits": 0.1 + 0.2,
    "odd_minus": -0.0,
    "odd_nested": {"b": [1, 1.0, True, None, {"z": {}, "a": []}], "a": "\t\"\\u0041 \\ / \n"},
    "odd_unicode": "Université Grenoble – 東京 \U0001f409 e\u0301",
    "ødd kéy": False,
    "": "a key without a name",
}


def queue(name: str, dice: Random) -> dict[str, Any]:
    """One description of some 90 keys; the order of the keys and the kinds of values differ from queue to queue."""
    cloud = dice.choice(list(CLOUDS))
    site, cores = name.rpartition("_")[0] or name, dice.choice((1, 8, 8, 8, 16, 64))
    found: dict[str, Any] = {
        "acopytools": {"pr": ["rucio"], "pw": ["rucio"], "read_lan": ["xrdcp", "gfalcopy"], "es_events": []},
        "acopytools_schemas": {"pr": ["root", "davs"]},
        "allow_lan": True,
        "allow_wan": dice.random() < 0.3,
        "appdir": "",
        "architectures": dice.choice((None, [], *GPUS)),
        "astorages": {activity: [f"{site}_DATADISK", *([f"{site}_SCRATCHDISK"] if dice.random() < 0.5 else [])]
                      for activity in ("pr", "pw", "read_lan", "write_lan", "es_failover")},
        "atlas_site": site,
        "availablecpu": None,
        "capability": dice.choice(("ucore", "score", "mcore", "", None)),
        "catchall": dice.choice(("", None, "gpu", "allow_alt_stageout,unifiedPandaQueue=X", "singularity_options='-B /a,/b'")),
        "cloud": cloud,
        "cmtconfig": dice.choice(("", None, "x86_64-centos7-gcc11-opt,x86_64-el9-gcc13-opt")),
        "comment": "",
        "container_options": "",
        "container_type": dice.choice(("singularity:pilot", "apptainer:wrapper;container:middleware", "")),
        "copytools": {"rucio": {"setup": ""}, "xrdcp": {"setup": "$VO_ATLAS_SW_DIR/local/xrdcpsetup.sh"}},
        "corecount": dice.choice((cores, str(cores))),
        "coreenergy": 10.0,
        "corepower": round(dice.uniform(8, 20), 2),
        "country": CLOUDS[cloud],
        "direct_access_lan": dice.random() < 0.7,
        "direct_access_wan": False,
        "environ": "None",
        "fairsharepolicy": dice.choice(("", None, "NULL", "type=evgen:0%,type=any:100%", "group=higgs:0%")),
        "gocname": site,
        "gstat": site,
        "harvester": "CERN_central_A",
        "hc_suite": ["AFT", "PFT"],
        "id": dice.randrange(1, 5000),
        "is_cvmfs": True,
        "is_virtual": False,
        "jobseed": dice.choice(("std", "es", "eshigh", "", None)),
        "last_modified": "2026-04-01T15:47:25",
        "maxdiskio": dice.choice((None, 0, 5000)),
        "maxinputsize": dice.choice((0, 14336, "16000", None)),
        "maxrss": dice.choice((2000 * cores, str(2000 * cores), 0, None, float(4000 * cores))),
        "maxtime": dice.choice((0, 86400, 345600, "172800", "")),
        "maxwdir": dice.choice((0, 20000 * cores, None)),
        "meanrss": 2000,
        "minrss": 0,
        "mintime": 0,
        "name": name,
        "nickname": name,
        "objectstores": [],
        "panda_queue": name,
        "panda_resource": name,
        "params": {"unified_dispatch": True, "job_minramcount": dice.choice((0, 3500)), "use_pcache": False},
        "pilot_manager": "Harvester",
        "pilot_version": "3.11.5.1",
        "pledgedcpu": dice.choice((None, "", 0, 1200, -1)),
        "queues": [{"ce_endpoint": f"ce{number}.{site.lower()}.example.org:9619", "ce_flavour": "HTCONDOR-CE",
                    "ce_queue_name": "atlas", "ce_state": "ACTIVE"} for number in range(dice.randrange(4))],
        "region": "",
        "releases": dice.choice((["AUTO"], None, [], ["AtlasOffline-21.0.15", "Athena-24.0.30"])),
        "resource_type": dice.choice(("GRID", "hpc", "cloud")),
        "siteid": name,
        "special_par": "",
        "state": "ACTIVE",
        "status": dice.choice(STATUSES),
        "tier": "T2D",
        "tier_level": dice.choice((1, 2, 2, 2, 3)),
        "timefloor": dice.choice((0, 60)),
        "transferringlimit": dice.choice((None, 2000, "3000")),
        "type": dice.choice(("unified", "unified", "production", "analysis", "special")),
        "uconfig": dice.choice(({}, None, {"resource_type_limits": {"SCORE_HIMEM": 500, "MCORE_HIMEM": 0}})),
        "use_pcache": False,
        "validatedreleases": "True",
        "vo_name": "atlas",
        "wnconnectivity": dice.choice(("full#IPv4", "http#IPv6", "none", "", None)),
        "workflow": dice.choice(("pull_ups", "push")),
        "zip_time_gap": 3600,
        **{key: value for key, value in ODD.items() if dice.random() < 0.5},
    }
    keys = list(found)
    dice.shuffle(keys)
    return {key: found[key] for key in keys}


def queues(count: int = 300, seed: int = 1) -> dict[str, dict[str, Any]]:
    """By name."""
    dice = Random(seed)
    names = [f"SITE-{number // 2:03}_{('UCORE', 'GPU')[number % 2]}" for number in range(count)]
    return {name: queue(name, dice) for name in names}


def endpoint(name: str, dice: Random) -> dict[str, Any]:
    """One description."""
    kind = name.rpartition("_")[2]
    return {
        "arprotocols": {"read_wan": [{"endpoint": "davs://se.example.org:443", "path": "/dpm/", "flavour": "WEBDAV-DAVS"}]},
        "dn": None,
        "id": dice.randrange(1, 5000),
        "is_deterministic": True,
        "is_tape": kind == "DATATAPE",
        "name": name,
        "rprotocols": {"17": {"settings": {}, "flavour": "XROOTD"}},
        "site": name.rpartition("_")[0],
        "state": dice.choice(("ACTIVE", "ACTIVE", "ACTIVE", "DISABLED")),
        "token": f"ATLAS{kind}",
        "type": kind,
        **ODD,
    }


def endpoints(count: int = 300, seed: int = 1) -> dict[str, dict[str, Any]]:
    """By name."""
    dice = Random(seed)
    names = [f"SITE-{number // 3:03}_{('DATADISK', 'SCRATCHDISK', 'DATATAPE')[number % 3]}" for number in range(count)]
    return {name: endpoint(name, dice) for name in names}


def links(count: int = 150, seed: int = 1) -> dict[str, dict[str, dict[str, Any]]]:
    """Of so many sites each to each, in AGIS' form."""
    dice = Random(seed)
    names = [f"SITE-{number:03}" for number in range(count)]
    return {a: {b: {"AGIS": {"closeness": 0 if a == b else dice.choice((-1, 1, 3, 5, 9))}} for b in names} for a in names}
