"""What the exit code of `pandad` says, of all verbs."""

from __future__ import annotations

from collections.abc import Mapping

DONE = 0
REFUSED = 1
USAGE = 2
AWAY = 3
INTERRUPTED = 130  # what a shell reports for a process that SIGINT ended

MEANINGS: Mapping[int, str] = {
    DONE: "all that was asked for was done; of verbs that look for something wrong: nothing is",
    REFUSED: "refused or failed, in whole or for some of many; of verbs that look for something wrong: something is",
    USAGE: "nothing was done: the command line, the configuration, the credential or a file cannot be used",
    AWAY: "the server, the daemon or the database gave no answer; the same may succeed later",
    INTERRUPTED: "interrupted by Ctrl-C",
}
