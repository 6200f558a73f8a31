"""Names of uploads."""

from __future__ import annotations

import pytest

from pandad.spec.cachename import cache_name, is_cache_name, is_sources
from pandad.spec.errors import BadRequest

UUID = "01234567-89ab-4def-8123-456789abcdef"


@pytest.mark.parametrize("name", [
    f"sources.{UUID}.tar.gz", f"jobO.{UUID}.tar.gz", f"jobO.{UUID}.tar", f"pre_{UUID}.dat.gz", UUID])
def test_what_clients_call_them(name: str) -> None:
    """Every name that a client makes is fine, and so is a path to it: the name is what stands behind the last slash."""
    assert cache_name(name) == cache_name(f"/home/alice/my dir/{name}") == cache_name(f"../{name}") == name


@pytest.mark.parametrize("name", [
    "", ".", "..", "sources.tar.gz", "pandaqueues.json", f".{UUID}", f"..{UUID}.gz", f"a/../{UUID}/..", f"{UUID}\0.gz",
    f"{UUID}.gz\n",
    f"a.{UUID}..gz", f"a.{UUID}.a.b.c.d", f"a b.{UUID}", f"ü.{UUID}", f"a.{UUID}\\x", f"a.b.{UUID}", f"{UUID}.{'x' * 11}",
    f"{'a' * 41}.{UUID}", f"{UUID[:-1]}.tar.gz", f"{UUID}-tar", f"$(id).{UUID}", f"%2e%2e.{UUID}", "０" * 8 + UUID[8:]])
def test_nothing_else(name: str) -> None:
    """A name without a UUID, which could be guessed, or with anything that means something to somebody, is refused."""
    assert not is_cache_name(name.rpartition("/")[2])
    with pytest.raises(BadRequest, match="^file: is called "):
        cache_name(name)


def test_sources() -> None:
    """Only the sources of a build are called so."""
    assert is_sources(f"sources.{UUID}.tar.gz") and not is_sources(f"jobO.{UUID}.tar.gz")
