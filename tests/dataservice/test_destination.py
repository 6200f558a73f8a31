"""Where outputs are written, where they are wanted, and what they belong to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from factories import a_file, a_job, a_queue

from pandad.dataservice.datasets import Dataset
from pandad.dataservice.destination import activity_of, dataset_of, destination, landing, must_move

QUEUE = a_queue(astorages={"pr": ["DISK"], "pw": ["DISK", "SCRATCH"]})
ELSEWHERE = a_queue(nickname="B", atlas_site="SITE_B", astorages={"pr": ["FAR"], "pw": ["FAR"]})


@pytest.mark.parametrize(
    ("wish", "written", "wanted", "moves"),
    [
        (None, "DISK", None, False),
        ("DISK", "DISK", "DISK", False),
        ("SCRATCH", "SCRATCH", "SCRATCH", False),
        ("TAPE", "DISK", "TAPE", True),
        ("local", "DISK", None, False),
        ("TEST_QUEUE", "DISK", None, False),
        ("TEST_SITE", "DISK", None, False),
    ],
)
def test_landing(wish: str | None, written: str, wanted: str | None, moves: bool) -> None:
    """A file is written at its queue, at the endpoint that its owner wants if the queue has it; what else he wants is kept."""
    file = landing(a_file(destinationSE=wish), QUEUE)
    assert (file.destinationSE, destination(file), must_move(file)) == (written, wanted, moves)


def test_landing_again() -> None:
    """Another attempt at another queue still knows what the owner wants, and does not take the old queue for that."""
    file = landing(a_file(destinationSE="TAPE"), QUEUE)
    for queue, here in ((QUEUE, "DISK"), (ELSEWHERE, "FAR")):
        again = landing(replace(file, destinationSE=None), queue)
        assert (again.destinationSE, destination(again)) == (here, "TAPE")
    free = landing(a_file(destinationSE=None), QUEUE)
    assert landing(replace(free, destinationSE=None), ELSEWHERE).destinationSE == "FAR"


def test_space_tokens_are_no_destinations() -> None:
    """PanDA's clients send such too."""
    file = landing(a_file(destinationSE=None, destinationDBlockToken="ATLASDATADISK"), QUEUE)
    assert (file.destinationDBlockToken, destination(file), must_move(file)) == ("ATLASDATADISK", None, False)


@pytest.mark.parametrize(
    ("but", "dataset"),
    [
        ({}, Dataset("user.alice", "user.alice.out")),
        ({"destinationDBlock": "user.alice.out/"}, Dataset("user.alice", "user.alice.out")),
        ({"destinationDBlock": "group.x:data"}, Dataset("group.x", "data")),
        ({"destinationDBlock": None, "dataset": "other"}, Dataset("user.alice", "other")),
        ({"destinationDBlock": None}, None),
        ({"destinationDBlock": "group.x:"}, None),
        ({"scope": None}, None),
    ],
)
def test_dataset_of(but: dict[str, Any], dataset: Dataset | None) -> None:
    """By its name, in its own scope or that of the file."""
    assert dataset_of(a_file(**but)) == dataset


@pytest.mark.parametrize(
    ("but", "activity"),
    [({}, "Analysis Output"), ({"prodSourceLabel": "managed"}, "Production Output"), ({"currentPriority": 1001}, "Express")],
)
def test_activity(but: dict[str, Any], activity: str) -> None:
    """PanDA's words."""
    assert activity_of(a_job(**{"currentPriority": 1000, **but})) == activity
