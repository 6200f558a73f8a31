"""Signing policies: what the files of real authorities look like, and what they allow."""

from __future__ import annotations

from pathlib import Path

import pytest

from pandad.api.x509.signingpolicy import may_sign, read_policies

SEVERAL_PATTERNS = """\
# EACL of an authority
 access_id_CA      X509         '/C=XX/O=Grid/CN=Authority 1'
 pos_rights        globus        CA:sign
 cond_subjects     globus       '"/C=XX/O=Grid/*" "/DC=org/DC=grid/*"'
"""
ONE_PATTERN = """\
access_id_CA X509 "/C=YY/CN=Two's"
pos_rights globus CA:sign
cond_subjects globus '/C=YY/*'
"""
GARBLED = "cond_subjects globus '/C=ZZ/*'\naccess_id_CA X509 '/C=ZZ/CN=Three'\n"


@pytest.mark.parametrize(
    ("authority", "subject", "allowed"),
    [
        ("/C=XX/O=Grid/CN=Authority 1", "/C=XX/O=Grid/CN=a", True),
        ("/C=XX/O=Grid/CN=Authority 1", "/DC=org/DC=grid/CN=a", True),
        ("/C=XX/O=Grid/CN=Authority 1", "/C=YY/CN=a", False),
        ("/C=YY/CN=Two's", "/C=YY/CN=a", True),
        ("/C=YY/CN=Two's", "/C=yy/CN=a", False),
        ("/C=ZZ/CN=Three", "/C=ZZ/CN=a", False),
        ("/CN=without a policy", "/C=YY/CN=a", True),
    ],
)
def test_what_is_allowed(tmp_path: Path, authority: str, subject: str, allowed: bool) -> None:
    """Names must match one of the authority's patterns; a policy that grants nothing allows nothing; an
    authority without a policy may sign any name."""
    for number, text in enumerate((SEVERAL_PATTERNS, ONE_PATTERN, GARBLED)):
        (tmp_path / f"{number}.signing_policy").write_text(text)
    assert may_sign(read_policies(tmp_path), authority, subject) is allowed
