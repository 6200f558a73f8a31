"""Invariants of input on its way."""

from __future__ import annotations

from pandad.spec.jobstatus import FINAL
from pandad.taskbuffer.invariant import Severity, invariant
from pandad.taskbuffer.placements import ERRAND, PlacementStatus
from pandad.taskbuffer.statement import listed

E = Severity.ERROR

PLACEMENTS = (
    invariant(
        "placement-asked", "a placement without a rule has the errand that makes one", E, f"""
        SELECT p.id, concat('placement ', p.id, ' to ', p.endpoint, ' waits for a rule, and nobody makes it') FROM placement p
        WHERE p.status = '{PlacementStatus.WANTED}'
          AND NOT EXISTS (SELECT FROM errand e WHERE e.kind = '{ERRAND}' AND e.key = p.id::text)""",
        "delete the placement: its jobs are looked at again, within [dataservice] recheck_s, and it is asked for anew"),
    invariant(
        "placement-files", "what is on its way has files", E, f"""
        SELECT p.id, concat('placement ', p.id, ' to ', p.endpoint, ' brings nothing') FROM placement p
        WHERE p.status <> '{PlacementStatus.THERE}'
          AND NOT EXISTS (SELECT FROM placement_file f WHERE f.placement = p.id)""",
        "delete the placement, and its rule in Rucio"),
    invariant(
        "placement-endpoint", "the files of a placement go to its endpoint", E, """
        SELECT p.id, concat('placement ', p.id, ' to ', p.endpoint, ' brings ', f.scope, ':', f.lfn, ' to ', f.endpoint)
        FROM placement p JOIN placement_file f ON f.placement = p.id WHERE f.endpoint <> p.endpoint""",
        "delete the placement, and its rule in Rucio"),
    invariant(
        "avoidance-stands", "a queue that a job avoids for a time is one that it avoids", E, f"""
        SELECT j.pandaid, concat('it is to come back to ', a.queue, ' at ', a.until, ', and does not avoid it')
        FROM avoidance a JOIN job j ON j.pandaid = a.pandaid
        WHERE a.queue <> ALL (j.avoided) AND j.jobstatus NOT IN ({listed(FINAL)})""",
        "DELETE it FROM avoidance: the job may go there already"),
)
