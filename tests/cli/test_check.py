"""``pandad check``: each thing that keeps a daemon from starting is found."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pandad.cli.check import Level, endpoints, identities, ports, secrets, tls, tokens, voms
from pandad.config import Config, DatabaseConfig, DataServiceConfig, IdentityConfig, SecretsConfig, ServerConfig, TlsConfig
from pandad.dataserviceconfig import RucioConfig
from pandad.embedded.pki import SandboxPki, make_sandbox_pki
from pandad.embedded.proxies import pem_of, write_private
from pandad.embedded.tokens import auth_config
from pandad.queuesconfig import QueuesConfig
from pandad.settings import render
from pandad.tokenconfig import TokenIssuerConfig, TokensConfig

LOOPBACK = "127.0.0.1"


def check(file: Path) -> tuple[int, dict[str, str]]:
    """The exit code, and the level of each subject."""
    words = [sys.executable, "-m", "pandad.cli", "check", "--json", "--config", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, {f["subject"]: f["level"] for f in json.loads(done.stdout)}


@pytest.fixture
def good(database: DatabaseConfig, pki: SandboxPki, tmp_path: Path) -> Config:
    """A configuration that would start."""
    (tmp_path / "disk").mkdir()
    return Config(
        server=ServerConfig(interface=LOOPBACK, tls_port=0, http_port=0),
        tls=TlsConfig(host_certificate=pki.host_certificate, host_key=pki.host_key, ca_directory=pki.ca_directory),
        database=replace(database, wait_s=1.0),
        identity=IdentityConfig(pilot=("/CN=p",), production=("/CN=q",), admin=("/CN=a",)),
        dataservice=DataServiceConfig(endpoints={"DISK": tmp_path / "disk"}),
    )


def test_a_good_configuration_passes(good: Config, tmp_path: Path) -> None:
    """Nothing but ok, and exit code 0."""
    file = tmp_path / "pandad.toml"
    file.write_text(render(good))
    code, findings = check(file)
    assert code == 0 and set(findings.values()) == {"ok"}
    assert {"configuration", "tls", "database", "endpoint DISK", "identity.pilot"} <= findings.keys()


Spoil = Callable[[Config, Path], Config]
SPOILT: dict[str, Spoil] = {
    "database": lambda good, tmp: replace(good, database=replace(good.database, dsn=f"host={tmp}")),
    "endpoint DISK": lambda good, tmp: replace(good, dataservice=DataServiceConfig(endpoints={"DISK": tmp / "none"})),
    "queues.authorities": lambda good, tmp: replace(good, queues=QueuesConfig(authorities=tmp)),
    "tls": lambda good, tmp: replace(good, tls=replace(good.tls, ca_directory=tmp)),
}


@pytest.mark.parametrize("subject", SPOILT)
def test_a_fault_is_found_beside_what_is_right(good: Config, tmp_path: Path, subject: str) -> None:
    """One fault is an error of its subject and the exit code 1, and the rest is still looked at."""
    file = tmp_path / "pandad.toml"
    file.write_text(render(SPOILT[subject](good, tmp_path)))
    code, findings = check(file)
    assert (code, findings[subject]) == (1, "error")
    others = {name: level for name, level in findings.items() if name not in (subject, "configuration")}
    assert len(others) >= 5 and set(others.values()) == {"ok"}


def test_a_source_that_is_not_there_is_a_warning(good: Config, tmp_path: Path) -> None:
    """The daemon starts without it, with what it has."""
    file = tmp_path / "pandad.toml"
    file.write_text(render(replace(good, queues=QueuesConfig(source=str(tmp_path / "none.json"), links_source="https://cric/x"))))
    code, findings = check(file)
    assert (code, findings["queues.queues"], findings["queues.links"]) == (0, "warning", "ok")


def test_an_empty_database_is_a_warning(good: Config, postgres: object, tmp_path: Path) -> None:
    """The daemon makes the schema when it starts, so that is not an error."""
    file = tmp_path / "pandad.toml"
    file.write_text(render(replace(good, database=DatabaseConfig(dsn=postgres.dsn))))  # type: ignore[attr-defined]
    assert check(file)[1]["database"] == "warning"


def test_an_unreadable_configuration_is_the_only_finding(tmp_path: Path) -> None:
    """Without a configuration there is nothing else to look at."""
    assert check(tmp_path / "none.toml") == (1, {"configuration": "error"})


def test_a_taken_port_is_an_error() -> None:
    """A port somebody listens on is told with its number; a free one passes; 0 needs no check."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        number = taken.getsockname()[1]
        [finding] = ports(ServerConfig(interface=LOOPBACK, tls_port=number, http_port=0))
        assert finding.level is Level.ERROR and finding.text.startswith(f"{number} is taken")
    [finding] = ports(ServerConfig(interface=LOOPBACK, tls_port=number, http_port=0))
    assert finding.level is Level.OK


def test_an_address_of_another_host_is_an_error() -> None:
    """An interface that this host does not have cannot be listened on."""
    [finding] = ports(ServerConfig(interface="192.0.2.1", tls_port=0, http_port=1025))
    assert finding.level is Level.ERROR and "server.interface" in finding.text


def test_roles_that_nobody_has_are_warnings(good: Config) -> None:
    """An empty list is allowed, and seldom meant."""
    empty = replace(good, identity=IdentityConfig(admin=("/CN=a",)), dataservice=DataServiceConfig())
    assert [f.level for f in identities(empty)] == [Level.WARNING, Level.WARNING, Level.OK]
    assert [f.level for f in endpoints(empty)] == [Level.WARNING]


def test_a_wrong_key_is_an_error(pki: SandboxPki) -> None:
    """A key that is not the certificate's is found."""
    wrong = TlsConfig(host_certificate=pki.host_certificate, host_key=pki.credential("bob"), ca_directory=pki.ca_directory)
    assert [f.level for f in tls(wrong)] == [Level.ERROR]


def test_what_ends_soon_is_a_warning(tmp_path: Path) -> None:
    """A host certificate that has days left is told before a client tells it; so is a revocation list that nobody renews."""
    pki = make_sandbox_pki(tmp_path)
    config = TlsConfig(host_certificate=pki.host_certificate, host_key=pki.host_key, ca_directory=pki.ca_directory)
    assert [f.level for f in tls(config)] == [Level.OK]
    now, day = datetime.now(UTC), timedelta(days=1)
    host = pki.authority.issue_host(["localhost"], now, 3 * day)
    write_private(pki.host_key, pem_of(host.key))
    write_private(pki.host_certificate, pem_of(host.certificate))
    pki.authority.install_revocations(pki.ca_directory, pki.authority.revocation_list(now - 9 * day, lifetime=10 * day))
    found = list(tls(config))
    assert [f.level for f in found][:2] == [Level.OK, Level.WARNING]
    assert "hostcert.pem expires in" in found[1].text
    assert all("fetch-crl" in f.text for f in found[2:])
    assert len(found) > 2


def test_vos_are_told(tmp_path: Path) -> None:
    """Which VOs may give roles is said; that there are none is no fault."""
    assert "no VO" in voms(TlsConfig(vomsdir=tmp_path)).text
    (tmp_path / "atlas").mkdir()
    assert "atlas" in voms(TlsConfig(vomsdir=tmp_path)).text


KEYS = [(None, Level.OK), ("", Level.ERROR), ("k" * 44, Level.ERROR), ("A" * 43 + "=", Level.OK)]


@pytest.mark.parametrize(("text", "level"), KEYS)
def test_keys_of_secrets(good: Config, tmp_path: Path, text: str | None, level: Level) -> None:
    """Keys that cannot be used are an error; to have none is a choice."""
    file = tmp_path / "secrets.key"
    if text is not None:
        file.write_text(text)
    assert secrets(replace(good, secrets=SecretsConfig(key_file=file if text is not None else None))).level is level


def test_rucio(good: Config, tmp_path: Path, pki: SandboxPki) -> None:
    """What cannot be used to log in, or to know the server by, is an error; credentials that can be overheard are a warning."""
    secret = tmp_path / "secret"
    secret.write_text("x")

    def found(**settings: Any) -> Level:
        config = RucioConfig(**{"url": "https://rucio.example.org", "username": "panda", "password_file": secret, **settings})
        (finding,) = endpoints(replace(good, dataservice=DataServiceConfig(backend="rucio", rucio=config)))
        return finding.level

    assert found() is found(ca=pki.ca_directory) is found(ca=pki.ca_file) is Level.OK
    assert found(auth_type="x509_proxy", proxy_file=pki.directory / "alice.proxy") is Level.OK
    assert found(url="http://localhost:1") is Level.WARNING
    assert found(ca=secret) is found(auth_type="x509_proxy", proxy_file=secret) is Level.ERROR
    assert found(auth_type="oidc", token_file=secret) is found(password_file=tmp_path / "none") is Level.ERROR


def test_token_issuers(tmp_path: Path) -> None:
    """Each issuer is listed; one that can be forged from this host, one that makes everybody a member, and an empty folder are
    warnings; a folder or a file that cannot be used is an error."""
    def levels(**settings: Any) -> list[Level]:
        return [finding.level for finding in tokens(TokensConfig(**settings))]

    issuer: dict[str, Any] = {"vo": "atlas", "audience": ("x",)}
    assert levels() == [Level.OK]
    assert levels(issuers={"a": TokenIssuerConfig(issuer="https://iam.test/", **issuer)}) == [Level.OK]
    assert levels(issuers={"a": TokenIssuerConfig(issuer="http://localhost:1", **issuer)}) == [Level.WARNING]
    assert levels(issuers={"a": TokenIssuerConfig(issuer="https://x.test/", members_only=False, **issuer)}) == [Level.WARNING]
    assert levels(auth_config_directory=tmp_path / "none") == [Level.ERROR]
    assert levels(auth_config_directory=tmp_path) == [Level.WARNING, Level.OK]
    for text in ("", "-----BEGIN CERTIFICATE-----\nx"):
        (tmp_path / "ca.pem").write_text(text)
        assert levels(ca_file=tmp_path / "ca.pem") == [Level.ERROR, Level.OK]
    (tmp_path / "atlas_auth_config.json").write_text(json.dumps(auth_config("https://iam.test")))
    assert levels(auth_config_directory=tmp_path) == [Level.OK]
    (tmp_path / "cms_auth_config.json").write_text("{}")
    assert levels(auth_config_directory=tmp_path) == [Level.ERROR]
