"""Queues as their CRIC descriptions say."""

from __future__ import annotations

from typing import Any

import pytest

from pandad.spec.errors import BadRequest
from pandad.spec.site import QueueStatus, queue_from_description


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
