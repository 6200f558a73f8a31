"""All pages together, for service.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.interfaces import IReactorTime

from pandad.monitor.jobs import JobPages
from pandad.monitor.overall import Looks, Overall
from pandad.monitor.queues import Queues
from pandad.monitor.search import Search
from pandad.monitor.tasks import TaskPages
from pandad.monitor.users import Users
from pandad.monitorconfig import MonitorConfig
from pandad.taskbuffer.store import Store
from pandad.userinterface.explain import Explain
from pandad.userinterface.joblists import JobLists
from pandad.userinterface.kept import Kept
from pandad.userinterface.overview import Overviews
from pandad.userinterface.queuewhy import QueueWhy
from pandad.userinterface.story import Stories
from pandad.userinterface.tasklists import TaskLists


def pages(store: Store, clock: IReactorTime, config: MonitorConfig, jobs: Explain, queues: QueueWhy,
          complaints: Callable[[], Awaitable[Sequence[str]]]) -> Sequence[object]:
    """The handlers; none if the monitor is switched off.

    :param complaints: what keeps this process from working, in sentences.
    """
    if not config.enabled:
        return ()
    overviews, lists, tasks = Overviews(store, clock), JobLists(store, clock), TaskLists(store, clock)
    here: Kept[Sequence[str]] = Kept(clock)
    return (
        Overall(config, overviews, lists, lambda: here.of(None, complaints)), Looks(), Queues(config, overviews, queues, clock),
        JobPages(config, overviews, lists, Stories(store, jobs, clock)), Users(config, overviews, lists),
        TaskPages(config, overviews, tasks), Search(config, overviews, tasks))
