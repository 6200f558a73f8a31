"""What a site wants to have, and where a job may go: each rule says no exactly when it should."""

from __future__ import annotations

from typing import Any

import pytest
from factories import a_file, a_job, a_queue

from pandad.brokerage import rules
from pandad.brokerage.rules import refusal

INPUT = [a_file(type="input")]

# the criterion, the queue's keys, the job's attributes, whether it takes the job
CASES: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("notincluded", {}, {"avoided": ["!TEST_QUEUE"]}, True),
    ("notincluded", {}, {"avoided": ["!A", "!TEST*"]}, True),
    ("notincluded", {}, {"avoided": ["!A", "!B*"]}, False),
    ("excluded", {}, {"avoided": ["A", "!TEST*"]}, True),
    ("excluded", {}, {"avoided": ["TEST_*"]}, False),
    ("excluded", {}, {"avoided": ["-TEST_*"]}, False),
    ("excluded", {}, {"avoided": ["-A", "-test*"]}, True),
    ("excluded", {}, {"avoided": ["!TEST*", "-*_QUEUE"]}, False),
    ("status", {"status": "brokeroff"}, {"avoided": ["!A", "!TEST_QUEUE"]}, True),
    ("status", {"status": "brokeroff"}, {"avoided": ["!TEST*"]}, False),
    ("pinned", {}, {"relocationFlag": 1, "computingSite": "TEST_QUEUE"}, True),
    ("pinned", {}, {"relocationFlag": 1, "computingSite": "A"}, False),
    ("pinned", {}, {"relocationFlag": 0, "computingSite": "A"}, True),
    ("vo", {"vo_name": "atlas"}, {"VO": "cms"}, False),
    ("vo", {"vo_name": "atlas"}, {"VO": "atlas"}, True),
    ("vo", {"vo_name": "atlas, cms"}, {"VO": "cms"}, True),
    ("vo", {"vo_name": "atlas"}, {"VO": None}, True),
    ("vo", {}, {"VO": "cms"}, True),
    ("cache", {"releases": ["R1"], "tags": [{"project": "P", "release": "2"}]}, {"AtlasRelease": "P-2"}, True),
    ("cache", {"releases": ["R1"], "tags": [{"project": "P", "release": "2"}]}, {"AtlasRelease": "P-3"}, False),
    ("cache", {"tags": ["R2"]}, {"AtlasRelease": "R1"}, True),
    ("cache", {"tags": ["R2"], "is_cvmfs": False}, {"AtlasRelease": "R1"}, False),
    ("cache", {"tags": ["R2"], "is_cvmfs": False}, {"AtlasRelease": "R2"}, True),
    ("cache", {"containers": ["/cvmfs/"]}, {"container_name": "docker://x"}, False),
    ("cache", {"containers": ["/cvmfs/"]}, {"container_name": "/cvmfs/x"}, True),
    ("cache", {"containers": ["/cvmfs/", "any"]}, {"container_name": "docker://x"}, True),
    ("cache", {"containers": ["/cvmfs/"], "tags": ["docker://x"]}, {"container_name": "docker://x"}, True),
    ("cache", {"containers": ["/cvmfs/"]}, {}, True),
    ("cloudmismatch", {"cloud": "DE"}, {"cloud": "FR"}, False),
    ("cloudmismatch", {"cloud": "DE"}, {"cloud": "WORLD"}, True),
    ("cloudmismatch", {}, {"cloud": "FR"}, True),
    ("zeroshare", {"fairsharepolicy": "type=evgen:100%,type=any:0%"}, {"processingType": "evgen"}, True),
    ("zeroshare", {"fairsharepolicy": "type=evgen:100%,type=any:0%"}, {"processingType": "simul"}, False),
    ("zeroshare", {"fairsharepolicy": "priority>500:0%"}, {"currentPriority": 501}, False),
    ("zeroshare", {"fairsharepolicy": "priority>500:0%"}, {"currentPriority": 500}, True),
    ("resource_type", {"uconfig": {"resource_type_limits": {"MCORE_HIMEM": 0}}}, {"resource_type": "MCORE_HIMEM"}, False),
    ("resource_type", {"uconfig": {"resource_type_limits": {"MCORE_HIMEM": 0}}}, {"resource_type": "SCORE"}, True),
    ("opportunistic", {"pledgedcpu": -1}, {"prodSourceLabel": "managed", "currentPriority": 800}, False),
    ("opportunistic", {"pledgedcpu": -1}, {"prodSourceLabel": "managed", "currentPriority": 799}, True),
    ("opportunistic", {"pledgedcpu": -1}, {"prodSourceLabel": "user", "currentPriority": 900}, True),
    ("diskIO", {"maxdiskio": 100, "corecount": 8}, {"diskIO": 800, "coreCount": 8}, True),
    ("diskIO", {"maxdiskio": 100, "corecount": 8}, {"diskIO": 900, "coreCount": 8}, False),
    ("network", {"wnconnectivity": "http"}, {"ipConnectivity": "full"}, False),
    ("network", {"wnconnectivity": "http"}, {"ipConnectivity": "http"}, True),
    ("network", {"wnconnectivity": "full#IPv4"}, {"ipConnectivity": "#IPv6"}, False),
    ("network", {"wnconnectivity": "none"}, {"ipConnectivity": "yes"}, True),
    ("remoteio", {}, {"transferType": "direct", "Files": INPUT}, False),
    ("remoteio", {"direct_access_lan": True}, {"transferType": "direct", "Files": INPUT}, True),
    ("remoteio", {}, {"transferType": "direct"}, True),
    ("es", {"jobseed": "es"}, {}, False),
    ("es", {"jobseed": "es"}, {"eventService": 1}, True),
    ("full_chain", {"catchall": "bareNucleus=only"}, {}, False),
    ("full_chain", {"catchall": "bareNucleus=allow"}, {}, True),
]


@pytest.mark.parametrize(("criterion", "queue", "job", "takes"), CASES)
def test_sites(criterion: str, queue: dict[str, Any], job: dict[str, Any], takes: bool) -> None:
    """A queue that is right but for this refuses by this criterion, or takes the job."""
    no = refusal(a_job(**job), a_queue(**queue))
    assert (no.criterion if no else None) == (None if takes else criterion)
    assert no is None or no.text


def test_each_rule_says_what_it_is() -> None:
    """Every rule names its criterion and its figures, and says in a sentence when it says no."""
    for rule in rules.RULES:
        assert all((rule.criterion, rule.have, rule.need)) and rule.what.endswith(".")
