"""Debug commands: what goes to a pilot's shell."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.spec.debugcommand import USUAL, debug_command, ends_the_payload
from pandad.spec.errors import BadRequest

GOOD = [
    "ps -ef", "ps -elf", "ps aux", "ps axo pid,ppid,pgid,args", "ps -eo pid,args", "ps -p 4711", "ls -ltr", "ls -ltr workDir/sub",
    "ls *.log", "tail -30 payload.stdout", "tail workDir/tmp.stdout*", "tail log.RAWtoALL", "du -sk .", "du -sh --max-depth=2 .",
    "gdb --pid %", "gdb --pid 4711 -ex 'bt'", "gdb -batch --pid % -ex 'thread apply all bt' -ex 'generate-core-file'",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_allowed(text: str) -> None:
    """What people need to see of a running payload."""
    assert debug_command(text) == text
    assert debug_command(" \n" + text.replace(" ", " \n ", 1) + " ") == text


@pytest.mark.parametrize("word", USUAL)
def test_bare_words(word: str) -> None:
    """A bare word means its usual arguments: pilots take only what has a space for a command."""
    assert debug_command(word) == USUAL[word] == debug_command(USUAL[word])
    assert USUAL[word].startswith(word + " ")


BAD = {
    "another program": ["", " ", "rm -rf .", "cat payload.stdout", "Ps -ef", "tailx y", "/bin/ls .", "bash -c ls", "env ls ."],
    "a shell": ["ls .;id", "ls .&id", "ls .|id", "ls `id`", "ls $(id)", "ls $HOME", "ls >x", "ls <x", "ls 'a b'", 'ls "a"',
                "ls \\x", "ls {a,b}", "ls [a]", "ls !x", "ls #", "ls &#59id", "ls a\0b", "ls ü", "ls ~", "ls ~root"],
    "elsewhere": ["tail /tmp/x509up_u0", "tail ../x", "tail a/../../x", "ls /", "ls ..", "du /", "tail -c9 /etc/passwd",
                  "ls -a /etc", "du --files0-from=/etc/passwd", "du --exclude-from=/x .", "ls --x=../y", "tail x/.."],
    "environments": ["ps e", "ps auxe", "ps -ef e", "ps -ef u", "ps axeww", "ps -eo environ", "ps axo pid,environ",
                     "ps -eo pid -ef"],
    "programs by gdb": ["gdb", "gdb x", "gdb -x file", "gdb --pid % -ex 'shell id'", "gdb --pid % -ex '!id'", "gdb --pid 0",
                        "gdb -ex run --args id", "gdb --pid % -ex 'python 1'", "gdb --pid % -x f",
                        "gdb --pid % -ex 'bt' -ex 'call system(1)'"],
    "a kill": ["tobekilled", "tail tobekilled", "ls tobekilled.log", "ps -ef tobekilled", "softkill", "softkill x", "debug x"],
    "the separator": ["ls a,debug", "tail debug,x"],
    "too long": ["tail " + "x" * 200],
}  # fmt: skip


@pytest.mark.parametrize("text", [text for texts in BAD.values() for text in texts])
def test_refused(text: str) -> None:
    """Nothing that reaches another file, another program, a shell's grammar, or the pilot's own words."""
    with pytest.raises(BadRequest) as refused:
        debug_command(text)
    assert refused.value.key == "command"


PIECES = st.sampled_from(
    [*"abe -/.,;&|$`'\"\\~*?<>(){}%=:\n\0", "..", "ps ", "ls ", "tail ", "gdb ", "-ef", "--pid ", "tobekilled"]
)


@given(st.sampled_from(["ps ", "ls ", "tail ", "du ", "gdb "]), st.lists(PIECES, max_size=12))
def test_whatever_is_allowed_is_harmless(command: str, pieces: list[str]) -> None:
    """No combination gets through with a shell's characters, a way out of the working directory, or the word that kills."""
    try:
        allowed = debug_command(command + "".join(pieces))
    except BadRequest:
        return
    assert " " in allowed and "tobekilled" not in allowed
    assert not re.search(r"[;&|$`\"\\~<>(){}\[\]!#\n\0]", allowed)
    if not ends_the_payload(allowed):
        assert "'" not in allowed
        assert not any(word.startswith("/") or ".." in word.split("/") or "=/" in word for word in allowed.split())


def test_gdb_ends_the_payload() -> None:
    """After gdb a pilot kills its payload."""
    assert [ends_the_payload(text) for text in ("gdb --pid %", "ps -ef", "ls gdb")] == [True, False, False]
