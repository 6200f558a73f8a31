"""Refusals carry data and say it."""

from __future__ import annotations

import pytest

from pandad.spec.errors import BadRequest, NotFound, PandadError, StoreBusy, StoreUnavailable, Unavailable


def test_bad_requests_name_the_key() -> None:
    """The offending key and the problem are there as data and in the sentence."""
    error = BadRequest("jobs[3].lfn", "is missing")
    assert (error.key, error.problem, str(error)) == ("jobs[3].lfn", "is missing", "jobs[3].lfn: is missing")


def test_not_found_names_the_thing() -> None:
    """What was looked for is there as data and in the sentence."""
    error = NotFound("queue", "CERN")
    assert (error.kind, error.name, str(error)) == ("queue", "CERN", "there is no queue CERN")


@pytest.mark.parametrize("retryable", [StoreUnavailable, StoreBusy])
def test_store_troubles_may_be_repeated(retryable: type[PandadError]) -> None:
    """Both troubles of the store are of the kind that a caller repeats."""
    assert issubclass(retryable, Unavailable)
