"""A share of the crash points: cuts at statement borders, in this process."""

from __future__ import annotations

from random import Random

import pytest
from pytest_twisted import ensureDeferred

from .crashpoints import cases, lead
from .lives import Life, Place
from .scalpel import Cut, Scalpel
from .scenarios import finished

SHARE = 40
SEED = 1
AT = 3  # a border amid the first transaction of a life


@ensureDeferred
async def test_no_cut_does_harm(place: Place) -> None:
    """Wherever a connection or a process ends, nothing is lost, doubled or against the rules, once the client has come again."""
    for case in Random(SEED).sample(await cases(place), SHARE):
        verdict, flaws, _ = await lead(place, case)
        assert not verdict.failures and not flaws, (str(case), verdict, flaws)


@pytest.mark.parametrize("kind", list(Cut))
@ensureDeferred
async def test_the_scalpel_cuts_once(place: Place, kind: Cut) -> None:
    """The cut is made, and the life goes on behind it, with the statement that was cut."""
    whole, wounded = Scalpel(), Scalpel(AT, kind)
    for scalpel in (whole, wounded):
        life = Life(place, scalpel)
        await finished(life)
        await life.end()
    assert (whole.cut, wounded.cut) == (False, True)
    assert wounded.borders[:AT + 1] == whole.borders[:AT + 1]
    assert wounded.borders[AT] in wounded.borders[AT + 1:]
