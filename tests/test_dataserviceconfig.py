"""The configuration of the data service: what has to be said for each backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from pandad.config import ConfigError, load, parse

HEAD = '[database]\ndsn = "dbname=pandad"\n[dataservice]\nbackend = "rucio"\n[dataservice.rucio]\n'
GOOD = HEAD + 'url = "https://rucio.example.org"\nusername = "panda"\npassword_file = "password"\n'


def test_a_rucio_that_can_be_used() -> None:
    """An address, an account and what proves who we are is all that is needed."""
    rucio = parse(GOOD).dataservice.rucio
    assert (rucio.url, rucio.account, rucio.password_file) == ("https://rucio.example.org", "panda", Path("/password"))


@pytest.mark.parametrize(("text", "expected"), [
    (HEAD, r'dataservice.rucio: has no url; write url = "https:'),
    (HEAD + 'url = "https://x"', 'dataservice.rucio: has auth_type = "userpass" and no username; write username ='),
    (HEAD + 'url = "https://x"\nusername = "x"', "and no password_file"),
    (HEAD + 'url = "https://x"\nauth_type = "oidc"', "and no token_file"),
    (HEAD + 'url = "https://x"\nauth_type = "x509_proxy"', "and no proxy_file"),
    (HEAD + 'url = "http://127.0.0.1"\nauth_type = "x509_proxy"\nproxy_file = "p"', "certificates need https"),
    (GOOD + 'account = ""', "has no account"),
    (GOOD.replace("https:", "http:"), "over http anybody on the way could read the credentials"),
    (GOOD.replace("https:", "ftp:"), 'write an address such as "https:'),
    (GOOD.replace(".org", ".org/?x=1"), "without a question mark"),
    (GOOD.replace("rucio.example", "root:secret@rucio.example"), "write an address such as"),
    (GOOD + 'auth_type = "kerberos"', "write one of"),
    (GOOD + 'account = "panda\\nX-Rucio-VO: other"', "letters and digits"),
    (GOOD + "chunk = 0", "write a number 1 to 1000"),
    (GOOD + 'endpoints = " "', "is empty"),
])
def test_what_cannot_work_is_refused(text: str, expected: str) -> None:
    """A configuration that would fail later fails at once, and says what to write."""
    with pytest.raises(ConfigError, match=expected):
        parse(text)


def test_another_backend_needs_none_of_it() -> None:
    """What is not used may be empty."""
    assert parse('[database]\ndsn = "dbname=pandad"').dataservice.backend == "local"


@pytest.mark.parametrize("key", ["password_file", "proxy_file", "token_file"])
def test_secrets_are_for_us_alone(tmp_path: Path, key: str) -> None:
    """pandad does not start with a password, proxy or token that others can read."""
    auth_type = {"password_file": "userpass", "proxy_file": "x509_proxy", "token_file": "oidc"}[key]
    text = f'url = "https://rucio.example.org"\nauth_type = "{auth_type}"\nusername = "panda"\n{key} = "secret"\n'
    (tmp_path / "pandad.toml").write_text(HEAD + text)
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(ConfigError, match=f"dataservice.rucio.{key}: .* may be read by others"):
        load(tmp_path / "pandad.toml")
    (tmp_path / "secret").chmod(0o600)
    assert load(tmp_path / "pandad.toml").dataservice.backend == "rucio"
