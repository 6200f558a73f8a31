"""``pandad backup``: the commands of this configuration, and all that a dump does not have."""

from __future__ import annotations

from pathlib import Path

import pytest

from pandad.cli.backup import Kept, archive_command, dump_command, files, restore_commands
from pandad.config import Config, DatabaseConfig, SecretsConfig, parse

DSN = "host=db.example.org port=5433 user=panda password=s3cret dbname='my db'"


@pytest.fixture
def config() -> Config:
    """A database elsewhere, with a password."""
    return Config(database=DatabaseConfig(dsn=DSN), secrets=SecretsConfig(key_file=Path("/etc/pandad/secrets.key")))


def test_no_command_has_a_password(config: Config) -> None:
    """Everybody on a host reads command lines. Names are quoted for a shell."""
    commands = [dump_command(config, "FILE"), archive_command(config), *restore_commands(config, "FILE")]
    assert not [command for command in commands if "s3cret" in command]
    where = "--dbname='user=panda dbname='\"'\"'my db'\"'\"' host=db.example.org port=5433'"
    assert commands == [
        f"pg_dump --format=custom --file=FILE {where}",
        "pg_basebackup --host=db.example.org --port=5433 --checkpoint=fast --wal-method=stream --pgdata=DIR",
        "dropdb --host=db.example.org --port=5433 --if-exists 'my db'",
        "createdb --host=db.example.org --port=5433 --owner=panda 'my db'",
        f"pg_restore --single-transaction --no-owner {where} FILE",
        "pandad fsck --after-restore --repair"]


def test_what_is_kept_beside_the_dump(config: Config) -> None:
    """Keys are kept apart from it; what the daemon makes itself is not kept."""
    kept = {each.path: each for each in files(config)}
    assert kept["/etc/pandad/secrets.key"].secret and kept["/etc/grid-security/hostkey.pem"].secret
    assert kept["/etc/grid-security/certificates"] == Kept(
        "/etc/grid-security/certificates", "tls.ca_directory: Folder of the trusted CAs", False)
    assert "/run/pandad/console" not in kept


def test_folders_in_tables_are_found() -> None:
    """Endpoints too: with the local backend the files of jobs are nowhere else."""
    config = parse('[database]\ndsn = "dbname=x"\n[dataservice.endpoints]\nMY_DISK = "/data/disk"\n')
    assert "/data/disk" in [each.path for each in files(config)]
