"""The machine of an operator: a distribution with systemd and PostgreSQL, a host certificate, the authorities of a grid. pandad
is not there before the page docs/how-to/install.md puts it there.

The authorities are the sandbox's; its users have their credentials below /root/grid, and commands are run with those of alice.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pandad.embedded.pki import make_sandbox_pki
from pandad.embedded.proxies import pem_of, write_private
from pandad.embedded.voms import make_sandbox_voms

from .distribution import postgres_binaries, put_postgres_programs, put_python, write
from .machine import Machine

NAME = "panda.example.org"
GRID = "/root/grid"
CHECKOUT = "/usr/src/pandad"
ENVIRONMENT: Mapping[str, str] = {
    "PANDA_URL": f"http://{NAME}:25080/server/panda",
    "PANDA_URL_SSL": f"https://{NAME}:25443/server/panda",
    "X509_CERT_DIR": "/etc/grid-security/certificates",
    "X509_USER_PROXY": f"{GRID}/alice.proxy",
}

POSTGRES = r"""[Unit]
Description=PostgreSQL
[Service]
Type=exec
User=postgres
RuntimeDirectory=postgresql
ExecStart=%s/postgres -D /var/lib/postgresql/data \
    -c unix_socket_directories=/run/postgresql,/tmp -c listen_addresses= -c fsync=off
KillSignal=SIGINT
[Install]
WantedBy=multi-user.target
"""
CLUSTER = r"""
getent passwd postgres >/dev/null || useradd --system --create-home --home-dir /var/lib/postgresql postgres
install -d -o postgres /var/lib/postgresql && rm -rf /var/lib/postgresql/data
setpriv --reuid postgres --regid $(id -g postgres) --init-groups env HOME=/tmp %s/initdb \
    -D /var/lib/postgresql/data -A peer -E UTF8 --locale=C --no-sync > /dev/null
systemctl daemon-reload && systemctl start postgresql
until pg_isready --quiet --host /run/postgresql; do systemctl is-active --quiet postgresql && sleep 0.1; done
"""


def set_up(machine: Machine) -> None:
    """Everything but pandad."""
    put_python(machine)
    put_postgres_programs(machine)
    machine.must("rm -f /etc/systemd/system/postgresql.service")
    write(machine, "/etc/systemd/system/postgresql.service", POSTGRES % postgres_binaries())
    machine.must(CLUSTER % postgres_binaries())
    _put_certificates(machine)


def _put_certificates(machine: Machine) -> None:
    with tempfile.TemporaryDirectory(prefix="pandad-grid-") as directory:
        now = datetime.now(UTC)
        pki = make_sandbox_pki(Path(directory))
        make_sandbox_voms(pki, now)
        host = pki.authority.issue_host([NAME, "localhost"], now)
        write_private(pki.host_certificate, pem_of(host.certificate), 0o644)
        write_private(pki.host_key, pem_of(host.key))
        machine.copy(Path(directory), GRID)
    machine.must(f"""
        install -d /etc/grid-security && rm -rf /etc/grid-security/*
        cp -r {GRID}/certificates {GRID}/vomsdir {GRID}/hostcert.pem {GRID}/hostkey.pem /etc/grid-security/
        chmod 0400 /etc/grid-security/hostkey.pem""")
