"""The table of loops: name, body, period, and whether one process at a time runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from pandad.config import LoopsConfig
from pandad.daemons.lease import Leases
from pandad.daemons.loop import Body, Loop


@dataclass(frozen=True, slots=True)
class Bodies:
    """One round of each room's timed work."""

    brokerage: Body
    brake: Body
    rebrokerage: Body
    activator: Body
    placements: Body
    adder: Body
    outbox: Body
    finisher: Body
    closer: Body
    watcher: Body
    caps: Body
    ageing: Body
    historian: Body
    queues: Body
    cache: Body
    alive: Body
    rights: Body
    audit: Body
    tasks: Body
    tally: Body
    traffic: Body


# Their rounds wait for the data management system. One that is slow makes them slow, and nothing else: pilots are still served.
ASKING = frozenset({"brokerage", "activator", "placements", "adder", "outbox", "finisher"})
OTHERS_S = 600.0


def schedule(clock: IReactorTime, bodies: Bodies, leases: Leases, config: LoopsConfig) -> Sequence[Loop]:
    """All loops of a process."""
    table = (
        # name         body               every               one process at a time
        ("brokerage", bodies.brokerage, config.brokerage_s, True),
        ("brake", bodies.brake, config.brake_s, True),
        ("rebrokerage", bodies.rebrokerage, config.rebrokerage_s, True),
        ("activator", bodies.activator, config.activator_s, True),
        ("placements", bodies.placements, config.placements_s, True),
        ("adder", bodies.adder, config.adder_s, True),
        ("outbox", bodies.outbox, config.outbox_s, True),
        ("finisher", bodies.finisher, config.finisher_s, True),
        ("closer", bodies.closer, config.closer_s, True),
        ("watcher", bodies.watcher, config.watcher_s, True),
        ("caps", bodies.caps, config.caps_s, True),
        ("ageing", bodies.ageing, config.ageing_s, True),
        ("historian", bodies.historian, config.historian_s, True),
        ("queues", bodies.queues, config.queues_s, True),
        ("cache", bodies.cache, config.cache_s, True),
        ("alive", bodies.alive, config.alive_s, False),
        ("rights", bodies.rights, config.rights_s, False),
        ("audit", bodies.audit, config.audit_s, True),
        ("tasks", bodies.tasks, config.tasks_s, True),
        ("tally", bodies.tally, config.tally_s, True),
        ("traffic", bodies.traffic, config.traffic_s, False),
    )
    return [Loop(clock, name, period_s, leases.exclusive(name, period_s, body) if exclusive else body,
                 OTHERS_S if name in ASKING else 0.0) for name, body, period_s, exclusive in table]
