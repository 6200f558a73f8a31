"""Who gets in, as whom, and how much of this process each may have: put together from the configuration, and kept up with it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from twisted.application.service import MultiService

from pandad import log
from pandad.api.auth import Authenticators, X509Authenticator
from pandad.api.callbackauth import CallbackAuthenticator
from pandad.api.door import Door
from pandad.api.grants import Grants
from pandad.api.load import Load
from pandad.api.tokens.discovery import RETRY_S
from pandad.api.tokens.room import Tokens
from pandad.api.turnstile import Turnstile
from pandad.api.x509.tls import GridContextFactory, GridFiles
from pandad.api.x509.tlswatch import TlsWatch
from pandad.config import Config, IdentityConfig, LogConfig
from pandad.daemons.keyloops import KeyLoops
from pandad.daemons.loop import Loop
from pandad.daemons.rights import RightsReader
from pandad.dataserviceconfig import RucioConfig
from pandad.limitsconfig import LimitsConfig
from pandad.livesettings import LiveSettings
from pandad.spec.account import Directory, People
from pandad.spec.act import operator_on
from pandad.spec.caller import Role
from pandad.taskbuffer import audit
from pandad.taskbuffer.store import Store

DAEMON = "pandad"  # whose word a change of its files is, in the audit: who may write them is the host's affair


class Admission(MultiService):
    """``identify``: who sends a request. ``rights``, ``tokens.denials``: want a loop each. ``tls``: for listening. ``door``,
    ``turnstile``, ``load``: see there. ``people``: who is one. ``settings``: those that take effect at once.

    :param now_s: the wall clock, seconds since 1970. :param again: reads the configuration; raises ConfigError.
    :raise TlsConfigError, AuthConfigError, FetchFailed: the certificates, the authorities or the token issuers cannot be used.
    """

    def __init__(self, reactor: Any, store: Store, config: Config, now_s: Callable[[], float],
                 again: Callable[[], Config]) -> None:
        super().__init__()
        self._store, tls = store, config.tls
        self._log = config.log
        self._grants, self.people = Grants({}, directory=None), People()
        self._callback = _callback(config.dataservice.rucio)
        self._adopt_identity(config.identity)
        self.rights = RightsReader(store, self._learn)
        self.door, self.load, self.turnstile = Door(), Load(reactor, config.limits), Turnstile(reactor, config.limits)
        self._adopt_limits(config.limits)
        self.tokens = Tokens(reactor, store, config.tokens, now_s)
        keys = KeyLoops(reactor, RETRY_S)
        self.tokens.followed = lambda: keys.follow(self.tokens.sources)
        self.tokens.followed()
        self.tls = GridContextFactory(
            GridFiles(tls.host_certificate, tls.host_key, tls.ca_directory, tls.vomsdir),
            accept_expired_crl=tls.accept_expired_crl, accept_old_style=tls.accept_old_style_proxies)
        self.tls_watch = TlsWatch(reactor, lambda: datetime.fromtimestamp(now_s(), UTC), self.tls, tls.reload_s, tls.warn_days)
        self.settings = LiveSettings(config, again, {
            "limits": self._adopt_limits, "identity": self._adopt_identity, "tokens": self.tokens.adopt, "log": self._adopt_log,
        }, self._note)
        self.tokens.changed = self.settings.changed
        self.tls_loop = Loop(reactor, "tls reload", tls.reload_s, self.tls_watch.run_once)
        self.issuers_loop = Loop(reactor, "issuers reload", tls.reload_s, self._read_issuers)
        for each in (keys, self.tls_loop, self.issuers_loop):
            each.setServiceParent(self)
        x509 = X509Authenticator(now_s, self.tls.attributes)
        self.identify = Authenticators([self._callback, x509, self.tokens.authenticator], self._grants.granted).identify

    async def _read_issuers(self) -> bool:
        await self.tokens.run_once()
        await self.settings.note_changes()
        return False

    async def _note(self, change: str) -> None:
        act = operator_on(DAEMON, socket.gethostname())("reload", change, "the files say so now")
        await self._store.transact("reload_noted", audit.note, act)

    def _learn(self, directory: Directory) -> None:
        self._grants.learn(directory)
        self.people.learn(directory)

    def _adopt_identity(self, config: IdentityConfig) -> IdentityConfig:
        roles = {Role.PILOT: config.pilot, Role.PRODUCTION: config.production, Role.ADMIN: config.admin,
                 Role.DDM: (*config.ddm, *self._callback.principals)}
        self._grants.adopt(roles, config.groups, config.vos)
        return config

    def _adopt_limits(self, limits: LimitsConfig) -> LimitsConfig:
        self.load.adopt(limits)
        self.door.adopt(limits)
        self.turnstile.adopt(limits)
        return limits

    def _adopt_log(self, config: LogConfig) -> LogConfig:
        log.set_level(config.level)
        self._log = replace(self._log, level=config.level)
        return self._log


def _callback(config: RucioConfig) -> CallbackAuthenticator:
    file = config.callback_password_file
    return CallbackAuthenticator({config.callback_user: file.read_text("utf-8").strip()} if file is not None else {})
