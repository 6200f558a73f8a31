"""What the handlers of pages have in common: whom they let in."""

from __future__ import annotations

from dataclasses import replace

from pandad.api.route import Route
from pandad.monitorconfig import MonitorConfig


class Room:
    """Handlers of pages.

    :param config: without strangers the same pages are for identities only.
    """

    def __init__(self, config: MonitorConfig) -> None:
        self._config = config

    def narrowed(self, route: Route) -> Route:
        """See route.declared."""
        if self._config.strangers or not route.access.anonymous:
            return route
        access = replace(route.access, name=f"{route.access.name}_IDENTIFIED", anonymous=False, recognises=False, limited=False,
                         says=route.access.says.replace("everybody", "anybody with an identity"))
        return replace(route, access=access, passive=False)
