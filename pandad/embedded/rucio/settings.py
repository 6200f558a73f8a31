"""The files that a Rucio server reads before it starts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

ACCOUNT, USER = "root", "ddmlab"

RUCIO_CFG = """\
[common]
logdir = {home}
loglevel = INFO

[client]
rucio_host = {url}
auth_host = {url}
auth_type = userpass
account = {account}

[database]
default = {database}
pool_size = 5
max_overflow = 5
pool_recycle = 3600
pool_reset_on_return = rollback

[bootstrap]
userpass_identity = {user}
userpass_pwd = {password}
userpass_email = nobody@example.org
x509_identity = {x509_identity}
x509_email = nobody@example.org

[conveyor]
scheme = file
transfertool = mock

[policy]
permission = generic
schema = generic
lfn2pfn_algorithm_default = hash

[alembic]
cfg = {home}/etc/alembic.ini

[api]
endpoints = accounts, auth, dids, identities, locks, ping, replicas, requests, rses, rules, scopes

[oidc]
idpsecrets = {home}/etc/idpsecrets.json
admin_issuer = {issuer}

[hermes]
services_list = elastic
"""

ISSUER = "local"  # its own name for the issuer of tokens, where there is one

ALEMBIC_INI = """\
[alembic]
script_location = {migrations}
sqlalchemy.url = {database}

[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = plain
[logger_root]
level = WARNING
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain
[formatter_plain]
format = %(levelname)s %(name)s %(message)s
"""


# The end of the section that the server has too: what it notes is noted for these services.
HERMES_CFG = """\
elastic_endpoint = {endpoint}
elastic_username = {user}
elastic_password = {password}
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the files say. ``x509_identity``: the DN that is the account's, beside its user name and password. ``issuer``: of
    tokens that count; "" is none."""

    home: Path
    url: str
    database: str  # as SQLAlchemy names it
    password: str
    x509_identity: str
    issuer: str

    @property
    def config_file(self) -> Path:
        return self.home / "etc" / "rucio.cfg"

    @property
    def hermes_file(self) -> Path:
        return self.home / "etc" / "hermes.cfg"

    def write_hermes(self, endpoint: str, user: str, password: str) -> None:
        """For the daemon that tells what happened: the same, and whom to tell."""
        self.hermes_file.touch(mode=0o600)
        whom = HERMES_CFG.format(endpoint=endpoint, user=user, password=password)
        self.hermes_file.write_text(self.config_file.read_text("utf-8") + whom, "utf-8")

    def write(self, python: Path) -> None:
        """Readable by this user only: the password is in it."""
        (self.home / "etc").mkdir(parents=True, exist_ok=True)
        packages = next((python.parent.parent / "lib").glob("python3*/site-packages"))
        migrations = packages / "rucio" / "db" / "sqla" / "migrate_repo"
        words = {"home": self.home, "url": self.url, "database": self.database, "account": ACCOUNT, "user": USER,
                 "password": self.password, "x509_identity": self.x509_identity, "issuer": ISSUER,
                 "migrations": migrations}
        client = {"client_id": "rucio", "client_secret": "", "redirect_uris": []}  # at the issuer, where it does nothing
        issuers = {ISSUER: {"issuer": self.issuer, **client, "SCIM": client}} if self.issuer else {}
        (self.home / "etc" / "idpsecrets.json").write_text(json.dumps(issuers), "utf-8")
        self.config_file.touch(mode=0o600)
        self.config_file.write_text(RUCIO_CFG.format(**words), "utf-8")
        (self.home / "etc" / "alembic.ini").write_text(ALEMBIC_INI.format(**words), "utf-8")
