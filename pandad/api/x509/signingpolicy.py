"""Which names a grid authority may sign: the ``.signing_policy`` files beside the authorities' certificates.

The format is Globus' (``access_id_CA X509 '<DN>'`` followed by ``cond_subjects globus '"<pattern>" ...'``).
OpenSSL knows nothing of it, so that without this check any authority of the directory could issue anybody's
name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

AUTHORITY = re.compile(r"""\s*access_id_CA\s+X509\s+(['"]?)(?P<dn>.+?)\1\s*$""")
SUBJECTS = re.compile(r"""\s*cond_subjects\s+globus\s+(?P<patterns>.+?)\s*$""")

Policies = Mapping[str, tuple[str, ...]]
"""By the authority's DN in slash form: the patterns of the DNs it may sign."""


def read_policies(ca_directory: Path) -> Policies:
    """All policies of the directory; patterns for the same authority in several files add up."""
    found: dict[str, tuple[str, ...]] = {}
    for file in sorted(ca_directory.glob("*.signing_policy")):
        for dn, patterns in _parse(file.read_text(errors="replace")):
            found[dn] = found.get(dn, ()) + patterns
    return found


def _parse(text: str) -> list[tuple[str, tuple[str, ...]]]:
    rules: list[tuple[str, tuple[str, ...]]] = []
    authority = ""
    for line in text.splitlines():
        if named := AUTHORITY.match(line):
            authority = named["dn"]
            rules.append((authority, ()))
        elif (subjects := SUBJECTS.match(line)) and authority:
            rules.append((authority, _patterns(subjects["patterns"])))
    return rules


def _patterns(written: str) -> tuple[str, ...]:
    """Either ``'"/DC=a/*" "/DC=b/*"'`` or a single pattern in one kind of quotes or none."""
    listed = re.findall(r'"([^"]+)"', written)
    return tuple(listed) if listed else (written.strip("'"),)


def may_sign(policies: Policies, authority: str, subject: str) -> bool:
    """An authority without a policy file is not restricted: whoever installed it without one trusts it for
    every name."""
    patterns = policies.get(authority)
    return patterns is None or any(fnmatchcase(subject, pattern.replace("[", "[[]")) for pattern in patterns)
