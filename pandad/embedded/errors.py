"""What can go wrong with an embedded PostgreSQL."""

from __future__ import annotations

from pandad.spec.errors import PandadError


class PostgresError(PandadError):
    """The embedded PostgreSQL could not do what was asked; `log_tail` holds the last lines it wrote, oldest
    first."""

    def __init__(self, reason: str, log_tail: tuple[str, ...] = ()) -> None:
        super().__init__("\n    ".join((reason, *log_tail)))
        self.reason = reason
        self.log_tail = log_tail


class BinariesMissing(PostgresError):
    """No PostgreSQL binaries are installed in this Python."""

    def __init__(self) -> None:
        super().__init__(
            "there are no PostgreSQL binaries in this Python: run  pip install 'pandad[embedded]'"
        )


class DirectoryInUse(PostgresError):
    """Another living pandad runs a PostgreSQL in `directory`."""

    def __init__(self, directory: str) -> None:
        super().__init__(f"{directory} is in use by another running pandad")
        self.directory = directory
