"""Queues as their CRIC descriptions say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pandad.spec.errors import BadRequest
from pandad.spec.site import KEYS, Connectivity, QueueStatus, queue_from_description
from pandad.spec.storage import ENDPOINT_KEYS


def read(**but: Any) -> Any:
    return queue_from_description({"nickname": "CERN-PROD", **but})


def test_a_whole_description() -> None:
    """What decides is read out under names that carry units; the description itself is kept as it came."""
    description = {
        "nickname": "CERN-PROD",
        "atlas_site": "CERN",
        "status": "brokeroff",
        "maxrss": 16000,
        "maxwdir": "20000",
        "maxtime": 345600,
        "corecount": 8,
        "cmtconfig": "x86_64-el9,x86_64-centos7",
        "astorages": {"pr": ["CERN_DISK", "CERN_TAPE"], "pw": ["CERN_OUT"]},
        "catchall": "anything",
    }
    queue = queue_from_description(description)
    assert (queue.name, queue.site, queue.status) == ("CERN-PROD", "CERN", QueueStatus.BROKEROFF)
    assert (queue.maxrss_mb, queue.maxwdir_mb, queue.maxtime_s, queue.corecount) == (16000, 20000, 345600, 8)
    assert queue.platforms == {"x86_64-el9", "x86_64-centos7"}
    assert (queue.endpoint_in, queue.endpoint_out) == ("CERN_DISK", "CERN_OUT")
    assert queue.description == description


def test_the_least_description() -> None:
    """A name is enough: online, one core, no limits, no storage."""
    queue = read()
    assert (queue.site, queue.status, queue.corecount) == ("CERN-PROD", QueueStatus.ONLINE, 1)
    assert (queue.maxrss_mb, queue.maxwdir_mb, queue.maxtime_s) == (0, 0, 0)
    assert (queue.platforms, queue.endpoint_in, queue.endpoint_out) == (frozenset(), None, None)


@pytest.mark.parametrize(
    ("description", "site"),
    [({"atlas_site": "A", "gstat": "B"}, "A"), ({"atlas_site": None, "gstat": "B"}, "B"), ({"gstat": ""}, "CERN-PROD")],
)
def test_the_site_as_pilots_find_it(description: dict[str, Any], site: str) -> None:
    """The site is looked for where pilots look for it."""
    assert read(**description).site == site


@pytest.mark.parametrize("unlimited", [None, "", 0, "0"])
@pytest.mark.parametrize("key", ["maxrss", "maxwdir", "maxtime"])
def test_nothing_and_zero_are_no_limit(key: str, unlimited: object) -> None:
    """A limit that is not there, empty or 0 is none (CRIC)."""
    queue = read(**{key: unlimited})
    assert (queue.maxrss_mb, queue.maxwdir_mb, queue.maxtime_s) == (0, 0, 0)


def test_output_goes_where_input_is_read_unless_said() -> None:
    """A queue with one storage for reading writes there too."""
    assert read(astorages={"pr": ["DISK"]}).endpoint_out == "DISK"
    assert read(astorages={"pr": [], "pw": []}).endpoint_in is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("nickname", None),
        ("nickname", ""),
        ("nickname", 7),
        ("status", "on"),
        ("status", None),
        ("maxrss", "much"),
        ("maxrss", -1),
        ("maxwdir", [1]),
        ("maxtime", "1.5"),
        ("corecount", "eight"),
        ("corecount", -8),
        ("astorages", "DISK"),
        ("astorages", ["DISK"]),
    ],
)
def test_refusals_name_the_key(key: str, value: object) -> None:
    """A description that cannot be read is refused with the key that is wrong in the caller's own spelling."""
    with pytest.raises(BadRequest) as refused:
        read(**{key: value})
    assert refused.value.key == key
    assert str(refused.value).startswith(f"{key}: ")


@pytest.mark.parametrize("status", sorted(QueueStatus))
def test_status_words(status: QueueStatus) -> None:
    """Each word of CRIC is understood."""
    assert read(status=status.value).status is status


def test_whose_machines_and_where() -> None:
    """What says to whom a queue belongs, how large it is, and what its nodes reach."""
    queue = read(pledgedcpu="-1", corepower="14.54", cloud="US", country="United States", tier="T2D", tier_level=2,
                 wnconnectivity="http#IPv6", maxdiskio=5000, jobseed="ESHigh", resource_type="GRID", vo_name="atlas")
    assert (queue.is_opportunistic, queue.corepower, queue.cloud, queue.country) == (True, 14.54, "US", "United States")
    assert (queue.tier, queue.tier_level, queue.is_nucleus) == ("T2D", 2, False)
    assert (queue.connectivity, queue.ip_stack, queue.maxdiskio_kbs) == (Connectivity.HTTP, "IPv6", 5000)
    assert (queue.jobseed, queue.resource, queue.vo) == ("eshigh", "grid", "atlas")
    assert read().connectivity is Connectivity.FULL and read().jobseed == "std"


def test_nuclei() -> None:
    """Tier 0 and 1, and who has the data policy (PanDA's configurator)."""
    assert read(tier_level=1).is_nucleus and read(datapolicies=["T2D", "TaskNucleus"]).is_nucleus
    assert not read(tier_level=None).is_nucleus and not read(tier_level=2, datapolicies=None).is_nucleus


@pytest.mark.parametrize(
    ("description", "types"),
    [
        ({}, ["SCORE", "MCORE", "SCORE_HIMEM", "MCORE_HIMEM"]),
        ({"capability": "score"}, ["SCORE", "SCORE_HIMEM"]),
        ({"capability": "MCORE"}, ["MCORE", "MCORE_HIMEM"]),
        ({"uconfig": {"resource_type_limits": {"SCORE_HIMEM": 500, "MCORE_HIMEM": "0", "SCORE": None}}},
         ["SCORE", "MCORE", "SCORE_HIMEM"]),
    ],
)
def test_resource_types(description: dict[str, Any], types: list[str]) -> None:
    """Of cores that the slots are for, and with a limit that is not 0."""
    queue = read(**description)
    assert list(queue.resource_types) == types and queue.takes("SOMETHING_NEW")


def test_software_tags() -> None:
    """A tag is known by release, and by project and release, however the queue writes it."""
    tags = [{"project": "Athena", "release": "24.0.30", "cmtconfig": "x86_64-el9"}, {"release": "1"}, "extra"]
    assert read(tags=tags).tags == {"24.0.30", "Athena-24.0.30", "Athena/24.0.30", "1", "extra"}
    assert read(tags="a, b").tags == {"a", "b"} and read(tags=None).tags == frozenset()


def test_graphics_processors() -> None:
    """Vendor, model and memory, as far as CRIC says."""
    (gpu,) = read(architectures=[{"type": "cpu"}, {"type": "gpu", "vendor": ["nvidia"], "model": "a100", "vram": "40"}]).gpus
    assert gpu.has(["nvidia", "a100"]) and gpu.vram_mb == 40 * 1024


def test_storage_by_activity() -> None:
    """Production reading and writing first, then what is said of the LAN; the WAN apart."""
    queue = read(astorages={"read_lan": ["A", "B"], "write_lan": ["C"], "read_wan": ["D"]})
    assert (queue.endpoints_in, queue.endpoints_out, queue.endpoints_wan) == (("A", "B"), ("C",), ("D",))


def test_catchall() -> None:
    """Words and pairs; a comma within quotes separates nothing."""
    queue = read(catchall="gpu, unifiedPandaQueue=X,singularity_options='-B /a,/b --c=1',,")
    assert queue.catchall == {"gpu": "", "unifiedPandaQueue": "X", "singularity_options": "'-B /a,/b --c=1'"}


@pytest.mark.parametrize(
    ("description", "status"),
    [
        ({"state": "INACTIVE"}, QueueStatus.OFFLINE),
        ({"is_virtual": True}, QueueStatus.OFFLINE),
        ({"state": None, "is_virtual": "False", "status": "ONLINE"}, QueueStatus.ONLINE),
        ({"status": "standby"}, QueueStatus.STANDBY),
    ],
)
def test_what_does_not_exist_is_offline(description: dict[str, Any], status: QueueStatus) -> None:
    """Whatever its status says; words count in any case."""
    assert read(**description).status is status


OTHER: dict[str, Any] = {
    "atlas_site": "X", "gstat": "X", "status": "test", "state": "DISABLED", "is_virtual": True, "type": "analysis",
    "capability": "score", "corecount": 8, "maxrss": 1, "minrss": 1, "meanrss": 1, "maxwdir": 1, "maxinputsize": 1, "maxtime": 1,
    "mintime": 1, "maxdiskio": 1, "uconfig": {"resource_type_limits": {"SCORE": 1}}, "resource_type": "hpc",
    "fairsharepolicy": "type=any:0%", "jobseed": "es", "workflow": "push", "transferringlimit": 1, "cmtconfig": "x",
    "cmtconfigs": ["x"], "releases": ["x"], "tags": ["x"], "containers": ["any"], "is_cvmfs": False,
    "architectures": [{"type": "gpu"}], "wnconnectivity": "none", "allow_lan": False, "allow_wan": True,
    "direct_access_lan": True, "direct_access_wan": True, "astorages": {"pr": ["X"]}, "pledgedcpu": 1, "corepower": 1.5,
    "cloud": "x", "country": "x", "region": "x", "tier": "x", "tier_level": 1, "datapolicies": ["Nucleus"], "vo_name": "x",
    "catchall": "x"}


@pytest.mark.parametrize("key", OTHER)
def test_every_key_of_the_table_decides(key: str) -> None:
    """Each is read, and nothing else is."""
    plain = read()
    assert replace(read(**{key: OTHER[key]}), description=plain.description) != plain
    assert {*OTHER, "nickname"} == set(KEYS)
    assert replace(read(unknown=1), description=plain.description) == plain


@pytest.mark.parametrize("key", [key for key in OTHER if key not in ("gstat", "state")])
@pytest.mark.parametrize("value", [{"a": {"b": 1}}, [[1], {}], "\x00", float("inf"), -7, True, "ü"])
def test_nonsense_is_a_mistake_or_a_value(key: str, value: object) -> None:
    """Whatever stands under a key, it is read or refused with that key; nothing else happens."""
    try:
        read(**{key: value})
    except BadRequest as error:
        assert error.key == key


@pytest.mark.parametrize("table", [KEYS, ENDPOINT_KEYS], ids=["queues", "endpoints"])
def test_the_page_has_the_keys(table: dict[str, str]) -> None:
    """docs/reference/queues.md lists what decides, in these words."""
    page = (Path(__file__).parents[2] / "docs/reference/queues.md").read_text("utf-8")
    assert [key for key, text in table.items() if f"| `{key}` | {text} |" not in page] == []


def test_the_page_has_the_statuses() -> None:
    """Each with what it means."""
    page = (Path(__file__).parents[2] / "docs/reference/queues.md").read_text("utf-8")
    assert [status for status in QueueStatus if f"| `{status}` |" not in page] == []
