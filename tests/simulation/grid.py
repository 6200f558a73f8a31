"""The simulated grid: jobs come, are brokered in rounds, wait for their data and for pilots, run, fail and are tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from pandad.brokerage.cycle import RETRY_S
from pandad.config import BrokerageConfig, RetryConfig, TimeoutsConfig
from pandad.spec import errorcodes, retry
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus as S
from pandad.spec.retry import Action, RetryPolicy, RetryRule
from pandad.spec.site import Queue, QueueStatus

from .data import Storage
from .dispatch import Turns
from .due import Due
from .events import Events
from .jobs import Job
from .known import Known
from .measures import Measures
from .place import End, Place
from .policies import Policy
from .sites import Site
from .workload import Task

ROUND_S = 60.0
LOST_S = TimeoutsConfig().heartbeat_production_s
RETRIES = RetryPolicy(RetryConfig().attempts, rules=[RetryRule(name="site", source="pilot", action=Action.AVOID_SITE)])


class Grid:
    """One run."""

    def __init__(self, seed: int, sites: Sequence[Site], tasks: Sequence[Task], endpoints: Sequence[str], policy: Policy) -> None:
        self._policy = policy
        self._events = Events()
        turns = Turns()
        self._storage = Storage(seed, endpoints, self._events)
        self._places = [Place(number, site, turns, self._events, seed, self._ended) for number, site in enumerate(sites)]
        self._queues: list[Queue] = [site.queue for site in sites]
        self._measures = Measures(self._events, self._places, self._storage, turns, sum(task.size for task in tasks))
        self._batch = BrokerageConfig().batch
        self._due = Due()
        self._round_planned = False
        for task in tasks:
            self._events.at(task.arrives, self._submitted, task)
        for place in self._places:
            self._events.at(place.site.opens, place.opens)
            if place.site.down.ends:
                self._events.at(place.site.down.begins, self._goes_down, place)
                self._events.at(place.site.down.ends, self._comes_back, place)

    def run(self) -> Measures:
        """To the end of the last job."""
        self._measures.begin()
        self._keep()
        self._events.run()
        return self._measures

    def _submitted(self, task: Task) -> None:
        self._measures.came(task)
        self._to_be_brokered(*(Job(panda_id, task) for panda_id in range(task.first, task.first + task.size)))

    # brokerage

    def _to_be_brokered(self, *jobs: Job) -> None:
        self._due.add(*jobs)
        self._plan_round()

    def _again(self, *jobs: Job) -> None:
        self._due.again(*jobs)
        self._plan_round()

    def _plan_round(self) -> None:
        if not self._round_planned:
            self._round_planned = True
            self._events.at((self._events.now // ROUND_S + 1) * ROUND_S, self._round)

    def _round(self) -> None:
        """On what the books say; and at once another one, on what they say then, if it did not come to the end."""
        placed, put_off = self._policy.choose(self._due, self._known())
        for job, chosen in placed:
            self._assign(job, self._places[chosen])
        if put_off:
            self._events.after(RETRY_S, self._again, *put_off)
        self._round_planned = bool(self._due)
        if self._due:
            self._events.after(0.0 if len(placed) > self._batch / 2 else ROUND_S, self._round)

    def _keep(self) -> None:
        """As the loops beside brokerage do."""
        for job, chosen in list(self._policy.keep(self._known(), lambda number: self._places[number].waiting)):
            self._place_of(job).withdraw(job)
            if chosen is None:
                job.status = S.DEFINED
                self._to_be_brokered(job)
            else:
                self._assign(job, self._places[chosen])
        if not self._measures.is_over:
            self._events.after(ROUND_S, self._keep)

    def _known(self) -> Known:
        for place in self._places:
            place.books.idle_pilots, place.books.busy_pilots = sum(place.idle), len(place.busy)
        return Known(self._events.now, self._queues, [place.books for place in self._places], self._storage)

    def _assign(self, job: Job, place: Place) -> None:
        place.assign(job)
        self._policy.placed(job, place.number)
        block, dataset = job.block, job.task.dataset
        if block is None or dataset is None:
            place.activate(job)
        else:
            self._storage.bring(dataset, block, place.site.endpoint, partial(self._input_ready, job, job.turn))

    def _input_ready(self, job: Job, turn: int) -> None:
        if job.turn == turn:
            self._place_of(job).activate(job)

    def _place_of(self, job: Job) -> Place:
        assert job.site is not None
        return self._places[job.site]

    # ends

    def _ended(self, job: Job, end: End) -> None:
        """An attempt is over: the task buffer decides what becomes of the job."""
        place, now = self._place_of(job), self._events.now
        ran_s = now - job.began
        place.books.ended(now, job, end.cause, ran_s, 0.0 if end is End.HOLE else ran_s)
        self._policy.ended(job, place.number, end, now)
        self._measures.attempt_ended(job, end)
        if end is End.FINISHED:
            self._leave(job, S.FINISHED)
            return
        decision = retry.decide(_report(job, end, place.site.queue.name), job.attempts, RETRIES, place.site.queue)
        if not decision.retried:
            self._leave(job, S.FAILED)
            return
        job.priority -= retry.PRIORITY_STEP
        if decision.avoid is not None:
            job.avoided = (*job.avoided, decision.avoid)
        if decision.elsewhere:
            self._leave(job, S.DEFINED)
            self._to_be_brokered(job)
        else:
            place.activate(job)

    def _leave(self, job: Job, status: S) -> None:
        """A job has no queue any more."""
        self._place_of(job).books.moved(job.status, None)
        job.status = status
        if status is not S.DEFINED:
            self._measures.job_ended(job)

    # sites

    def _goes_down(self, place: Place) -> None:
        if place.site.announced:
            self._set(place, QueueStatus.OFFLINE)
        for job in place.breaks_down():
            self._events.after(LOST_S, self._is_lost, job, job.turn)

    def _comes_back(self, place: Place) -> None:
        self._set(place, place.site.queue.status)
        place.opens()

    def _is_lost(self, job: Job, turn: int) -> None:
        """The watcher has not heard of it for too long."""
        assert job.turn == turn
        self._ended(job, End.LOST)

    def _set(self, place: Place, status: QueueStatus) -> None:
        queues = list(self._queues)
        queues[place.number] = replace(place.site.queue, status=status)
        self._queues = queues


def _report(job: Job, end: End, queue: str) -> JobSpec:
    """The job with what its pilot, or the watcher, says of the attempt."""
    spec = job.spec()
    spec.computingSite = queue
    if end is End.LOST:
        spec.jobDispatcherErrorCode = errorcodes.DISPATCHER_LOST_HEARTBEAT
    elif end is End.TASK:
        spec.transExitCode = "1"
    else:
        spec.pilotErrorCode = end.value[1] if end.value else 0
    return spec
