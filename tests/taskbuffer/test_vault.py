"""Sealed texts, and the file with their keys."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from factories import ALICE

from pandad.taskbuffer import vault
from pandad.taskbuffer.vault import KeyFileError, Unopened, Vault

KEYS = [bytes([n]) * 32 for n in range(2)]
LONG = 16  # characters


def test_what_is_sealed_opens() -> None:
    """For its owner and under its name, whatever is in it; two seals of the same text are not alike."""
    one = Vault(KEYS)
    for text in ("", "x", "ü" * 1000, "a\nb"):
        sealed = one.seal(ALICE, "token", text)
        assert one.open(ALICE, "token", sealed) == text
        assert sealed != one.seal(ALICE, "token", text)
        assert len(text) < LONG or text.encode() not in sealed  # a letter may well be there by chance


@pytest.mark.parametrize("spoil", ["owner", "anchor", "name", "bit", "cut", "empty"])
def test_nothing_else_opens(spoil: str) -> None:
    """Not under another name, for another owner or the same DN of another CA, and not after a change of any bit."""
    one = Vault(KEYS)
    sealed = one.seal(ALICE, "token", "canary")
    owner = {"owner": replace(ALICE, subject="/CN=bob"), "anchor": replace(ALICE, anchor="/CN=other")}.get(spoil, ALICE)
    spoilt = {"bit": bytes([sealed[0] ^ 1]) + sealed[1:], "cut": sealed[:-1], "empty": bytes(28)}.get(spoil, sealed)
    with pytest.raises(Unopened) as refused:
        one.open(owner, "secret" if spoil == "name" else "token", spoilt)
    assert "canary" not in str(refused.value)


def test_keys_can_be_changed() -> None:
    """A new key above the old one seals from then on, and what the old one sealed opens; without the old one it does not."""
    old, both, new = Vault(KEYS[:1]), Vault(KEYS[::-1]), Vault(KEYS[1:])
    before, after = old.seal(ALICE, "a", "x"), both.seal(ALICE, "a", "x")
    assert both.open(ALICE, "a", before) == new.open(ALICE, "a", after) == "x"
    with pytest.raises(Unopened):
        new.open(ALICE, "a", before)


def test_a_key_file(tmp_path: Path) -> None:
    """One that is made can be read, by its owner alone, and is not made anew; comments and empty lines are none of its keys."""
    file = tmp_path / "keys"
    vault.make(file)
    before = file.read_text()
    vault.make(file)
    assert file.read_text() == before and file.stat().st_mode & 0o777 == 0o400
    sealed = vault.read(file).seal(ALICE, "a", "x")
    file.chmod(0o600)
    file.write_text(f"# new\n{base64.b64encode(KEYS[0]).decode()}\n\n{before}")
    assert vault.read(file).open(ALICE, "a", sealed) == "x"


BAD = ["", "# nothing\n", "canary", base64.b64encode(bytes(31)).decode(), "ü" * 44, "=" * 44, "canary!" * 7]


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_bad_key_files(tmp_path: Path, text: str) -> None:
    """The problem is named with the file, and what to do; what stands in the file is not."""
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(KeyFileError, match="key_file") as refused:
        vault.read(file)
    assert str(file) in str(refused.value) and not (text and text in str(refused.value))


def test_no_key_file(tmp_path: Path) -> None:
    """A file that is not there is a problem with its name."""
    with pytest.raises(KeyFileError, match="cannot be read"):
        vault.read(tmp_path / "none")
