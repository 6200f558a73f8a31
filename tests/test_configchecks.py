"""Secrets that others can read: pandad refuses to start with them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pandad import configchecks
from pandad.config import ConfigError, load

NAME = "hostkey.pem"
OWN, OF_ROOT, OF_ANOTHER = "own", "root's", "another's"


@pytest.fixture
def owned(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Whose the files of this test are. They are all made by one user: so another user looks at them."""

    def by(whose: str) -> None:
        maker = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: maker if whose == OWN else maker + 1)
        monkeypatch.setattr(configchecks, "ROOT", maker if whose == OF_ROOT else maker + 2)

    return by


def written(folder: Path, mode: int) -> Path:
    path = folder / NAME
    path.write_text("-----BEGIN PRIVATE KEY-----\n")
    path.chmod(mode)
    return path


def by_link(folder: Path, mode: int) -> Path:
    """As Kubernetes mounts a secret: hostkey.pem -> ..data/hostkey.pem, ..data -> ..2026_01_01."""
    (folder / "..2026_01_01").mkdir()
    written(folder / "..2026_01_01", mode)
    (folder / "..data").symlink_to("..2026_01_01")
    (folder / NAME).symlink_to(f"..data/{NAME}")
    return folder / NAME


def in_open_folder(folder: Path, mode: int) -> Path:
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    return written(folder / "open", mode)


def below_open_folder(folder: Path, mode: int) -> Path:
    (folder / "open" / "closed").mkdir(parents=True, mode=0o700)
    (folder / "open").chmod(0o777)
    return written(folder / "open" / "closed", mode)


def link_into_open_folder(folder: Path, mode: int) -> Path:
    in_open_folder(folder, mode)
    (folder / "link.pem").symlink_to(folder / "open" / NAME)
    return folder / "link.pem"


def in_sticky_folder(folder: Path, mode: int) -> Path:
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o1777)
    return written(folder / "tmp", mode)


def a_folder(folder: Path, mode: int) -> Path:
    (folder / NAME).mkdir(mode=mode)
    return folder / NAME


def a_pipe(folder: Path, mode: int) -> Path:
    os.mkfifo(folder / NAME, mode)
    return folder / NAME


def a_loose_end(folder: Path, mode: int) -> Path:
    (folder / NAME).symlink_to("nowhere")
    return folder / NAME


def a_circle(folder: Path, mode: int) -> Path:
    (folder / NAME).symlink_to(NAME)
    return folder / NAME


REFUSED = [
    *((OWN, written, mode, "may be read by others") for mode in (0o644, 0o640, 0o604, 0o660, 0o666, 0o777, 0o444, 0o440, 0o404,
                                                                 0o620, 0o602, 0o610, 0o601, 0o4640)),
    *((OF_ROOT, written, mode, "may be read by others") for mode in (0o644, 0o444, 0o660, 0o604, 0o642, 0o650)),
    *((OF_ANOTHER, written, mode, "belongs to another user") for mode in (0o400, 0o600, 0o440, 0o644)),
    (OWN, by_link, 0o644, "may be read by others"), (OF_ROOT, by_link, 0o644, "may be read by others"),
    (OF_ANOTHER, by_link, 0o400, "belongs to another user"), (OWN, in_open_folder, 0o400, "put another file in its place"),
    (OWN, below_open_folder, 0o400, "put another file in its place"),
    (OWN, link_into_open_folder, 0o400, "put another file in its place"), (OWN, a_folder, 0o700, "there is no file"),
    (OWN, a_pipe, 0o600, "there is no file"), (OWN, a_loose_end, 0o600, "there is no file"),
    (OWN, a_circle, 0o600, "there is no file"),
]
TAKEN = [(OWN, written, 0o400), (OWN, written, 0o600), (OF_ROOT, written, 0o400), (OF_ROOT, written, 0o440),
         (OF_ROOT, written, 0o640), (OWN, by_link, 0o400), (OF_ROOT, by_link, 0o440), (OWN, in_sticky_folder, 0o600)]


@pytest.mark.parametrize(("whose", "layout", "mode", "reason"), REFUSED)
def test_refused(owned: Callable[[str], None], tmp_path: Path, whose: str, layout: Callable[[Path, int], Path], mode: int,
                 reason: str) -> None:
    """A secret that others can read, or put another in the place of, is refused; what to do is said."""
    assert len(REFUSED) >= 30
    path = layout(tmp_path, mode)
    owned(whose)
    refusal = configchecks.secret(path)
    assert refusal is not None and reason in refusal and str(path) in refusal
    assert "run: ch" in refusal or "put it there or name the right one" in refusal


@pytest.mark.parametrize(("whose", "layout", "mode"), TAKEN)
def test_taken(owned: Callable[[str], None], tmp_path: Path, whose: str, layout: Callable[[Path, int], Path], mode: int) -> None:
    """One's own, or root's for a group; in containers behind links; in a folder as /tmp is."""
    path = layout(tmp_path, mode)
    owned(whose)
    assert configchecks.secret(path) is None


def test_access_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mode of 0600 says nothing where an access list lets others in."""
    path = written(tmp_path, 0o600)
    monkeypatch.setattr(os, "listxattr", lambda _: ["system.posix_acl_access"])
    assert "access list" in (configchecks.secret(path) or "")


def test_a_certificate_with_its_key(tmp_path: Path) -> None:
    """One file for both is as secret as the key."""
    path = tmp_path / "hostcert.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\n")
    path.chmod(0o644)
    assert configchecks.certificate(path) is None
    path.write_text("-----BEGIN CERTIFICATE-----\n-----BEGIN RSA PRIVATE KEY-----\n")
    assert "may be read by others" in (configchecks.certificate(path) or "")
    path.chmod(0o400)
    assert configchecks.certificate(path) is None


@pytest.mark.parametrize("dsn", [
    "dbname=pandad password=x", "password = 'a b' host=y", "PASSWORD=x", "postgresql://panda:x@host/pandad",
    "postgres://:x@host", "postgresql://host/pandad?password=x", "host=x sslpassword=y",
])
def test_a_password_in_the_configuration(dsn: str, tmp_path: Path) -> None:
    """Makes the configuration as secret as a key; the password itself is not repeated."""
    path = tmp_path / "pandad.toml"
    (tmp_path / "cas").mkdir()
    (tmp_path / "cert").write_text("x")
    (tmp_path / "key").write_text("x")
    (tmp_path / "key").chmod(0o400)
    tls = '[tls]\nhost_certificate = "cert"\nhost_key = "key"\nca_directory = "cas"\n'
    path.write_text(f'{tls}[database]\ndsn = "{dsn}"\n')
    for mode in (0o644, 0o640, 0o604):
        path.chmod(mode)
        with pytest.raises(ConfigError, match=rf"{path}:6: database.dsn: has a password; .* run: chmod 0400") as refused:
            load(path)
        assert dsn not in str(refused.value)
    path.chmod(0o600)
    assert load(path).database.dsn == dsn


@pytest.mark.parametrize(
    "dsn", ["dbname=pandad", "host=/run user=panda password=''", "postgresql://panda@host/pandad", "passfile=/x"])
def test_no_password_in_the_configuration(dsn: str) -> None:
    """Then it may be read by all."""
    assert not configchecks.has_password(dsn)
