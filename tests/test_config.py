"""The configuration file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.config import (
    Config,
    ConfigError,
    DatabaseConfig,
    IdentityConfig,
    LoopsConfig,
    RetryConfig,
    RetryRuleConfig,
    load,
    parse,
    sample,
)
from pandad.settings import render
from pandad.spec.failure import SOURCES
from pandad.spec.retry import Action, RetryRule

SAMPLE = Path(__file__).parents[1] / "etc" / "pandad.toml"
DEFAULTS = Config(database=DatabaseConfig(dsn="dbname=pandad"))
DATABASE = '[database]\ndsn = "dbname=pandad"\n'


def keys_of(settings: Any) -> set[tuple[str, ...]]:
    """Every key, with its section, that a dataclass of settings has."""
    found = set()
    for f in fields(settings):
        value = getattr(settings, f.name)
        inner = keys_of(value) if is_dataclass(value) else {()}
        found |= {(f.name, *key) for key in inner}
    return found


def keys_in(table: dict[str, Any], settings: Any) -> set[tuple[str, ...]]:
    """Every key, with its section, of a text that should say these settings."""
    found = set()
    for key, value in table.items():
        meant = getattr(settings, key, None)
        inner = keys_in(value, meant) if is_dataclass(meant) else {()}
        found |= {(key, *rest) for rest in inner}
    return found


def test_the_sample_shows_every_key_and_no_other() -> None:
    """Each key of the sample is a setting, and each setting is a key of the sample."""
    assert keys_in(tomllib.loads(SAMPLE.read_text()), DEFAULTS) == keys_of(DEFAULTS)


def test_the_sample_is_the_defaults() -> None:
    """Loading the sample as it is equals leaving every key out, and its prose is that of the settings."""
    assert load(SAMPLE, on_this_host=False) == DEFAULTS == parse(DATABASE)
    assert SAMPLE.read_text() == sample(), "write `pandad check --sample` into it"


NUMBERS = ("int", "float", "Mapping[str, int]", "Mapping[str, float]")


def fields_of(settings: Any) -> Iterator[Any]:
    """The settings in it, sections not counted."""
    for f in fields(settings):
        value = getattr(settings, f.name)
        yield from fields_of(value) if is_dataclass(value) else (f,)


def test_every_setting_is_explained() -> None:
    """Each setting has a sentence, and each number has bounds."""
    for f in fields_of(DEFAULTS):
        rule = f.metadata["rule"]
        assert rule.doc
        assert (rule.low is not None) == (f.type in NUMBERS), f.name


@given(
    st.integers(0, 65535),
    st.floats(0.05, 3600),
    st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1), max_size=3),
)
def test_any_configuration_reads_back(port: int, period_s: float, names: list[str]) -> None:
    """A written configuration loads as the same one, whatever its texts."""
    given_config = replace(
        DEFAULTS,
        server=replace(DEFAULTS.server, tls_port=port, http_port=0),
        loops=LoopsConfig(watcher_s=period_s),
        identity=IdentityConfig(pilot=tuple(f"/CN={name}" for name in names)),
    )
    assert parse(render(given_config)) == given_config


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 'c:1: database.dsn: is missing; write dsn = "dbname=pandad"'),
        ("[database]\ndsn=' '", 'c:2: database.dsn: is empty; write, for example, "dbname=pandad"'),
        (DATABASE + "[servr]", "c:3: servr: is not a known key; did you mean server?"),
        (DATABASE + "[server]\nport=1", "c:4: server.port: is not a known key; did you mean tls_port?"),
        (DATABASE + "[server]\ntls_port=70000", "c:4: server.tls_port: is 70000; write a number 0 to 65535"),
        (
            DATABASE + "[server]\ninterface='localhost'",
            'c:4: server.interface: is \'localhost\'; write an IP address such as "127.0.0.1", or "" for all',
        ),
        (
            DATABASE + "[server]\ntls_port=8000\nhttp_port=8000",
            "c:5: server.http_port: is the same as tls_port; write another port",
        ),
        (
            DATABASE + "[identity]\nadmin=['CN=x']",
            "c:4: identity.admin[1]: is 'CN=x'; write a DN in slash form, as \"/DC=org/DC=example/CN=Some Name\", "
            '"SUBJECT from ANCHOR", or an FQAN, as "/atlas/Role=pilot"',
        ),
        (DATABASE + "[log]\nlevel='warning'", "c:4: log.level: is 'warning'; did you mean warn?"),
        (
            DATABASE + "[retry.rules.r]\nsource='pilot'",
            'c:3: retry.rules.r.action: is missing; write action = "no_retry"',
        ),
        (
            DATABASE + "[retry.rules.r]\nsource='pilot'\naction='limit'",
            "c:3: retry.rules.r: has the action limit and no attempts; write attempts = 2",
        ),
        (
            DATABASE + "[retry.rules.r]\nsource='pilot'\naction='more_memory'\nfactor=1",
            "c:3: retry.rules.r: has the action more_memory and raises nothing; write factor = 1.5",
        ),
        (
            DATABASE + "[retry.rules.r]\nsource='pilot'\naction='limit'\nattempts=2\ncodes=['x']",
            'c:7: retry.rules.r.codes[1]: is the text "x"; write a whole number',
        ),
    ],
)
def test_mistakes_name_line_and_remedy(text: str, expected: str) -> None:
    """A wrong value is refused with file, line, key, what is wrong and what to write instead."""
    with pytest.raises(ConfigError) as caught:
        parse(text, "c")
    assert str(caught.value) == expected


def test_retry_rules_speak_the_words_of_the_spec() -> None:
    """The sources and actions of a rule in the file are those that the rules know, and the other keys are theirs too."""
    written = {f.name: f for f in fields(RetryRuleConfig)}
    assert set(written) == {f.name for f in fields(RetryRule)} - {"name"}
    assert set(written["source"].metadata["rule"].choices) == set(SOURCES)
    assert set(written["action"].metadata["rule"].choices) == set(Action)
    rule = RetryRuleConfig(source="pilot", action="no_retry")
    spec = RetryRule(name="x", source="pilot", action=Action.NO_RETRY)
    assert all(getattr(rule, name) == getattr(spec, name) for name in written)


def test_retry_rules_read_back() -> None:
    """Rules are written as tables under their names, whatever these are."""
    rules = {name: RetryRuleConfig(source="ddm", action="limit", attempts=2, codes=(1, 2)) for name in ("a", "b c", 'd"e.f')}
    config = replace(DEFAULTS, retry=RetryConfig(rules=rules))
    assert parse(render(config)) == config


def test_the_example_of_the_page_on_retries() -> None:
    """What the page shows can be written into the file as it is, behind the sample."""
    page = (SAMPLE.parents[1] / "docs" / "reference" / "retries.md").read_text()
    example = page.split("```toml")[1].split("```")[0]
    assert set(parse(SAMPLE.read_text() + example).retry.rules) == {"out-of-memory", "no-space", "bad-input"}


def test_ports_may_both_be_chosen_by_the_system() -> None:
    """0 twice is not the same port twice."""
    assert parse(DATABASE + "[server]\ntls_port=0\nhttp_port=0").server.http_port == 0


def usable(folder: Path) -> Path:
    """A configuration whose files are all there."""
    for name in ("hostcert.pem", "hostkey.pem"):
        (folder / name).write_text("")
        (folder / name).chmod(0o400)
    (folder / "certificates").mkdir()
    (folder / "disk").mkdir()
    file = folder / "pandad.toml"
    file.write_text(
        DATABASE + '[tls]\nhost_certificate = "hostcert.pem"\nhost_key = "hostkey.pem"\nca_directory = "certificates"\n'
        '[dataservice.endpoints]\nDISK = "disk"\n[server]\nports_file = "ports.json"\n'
    )
    return file


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """A configuration can be moved together with what it names."""
    config = load(usable(tmp_path))
    assert config.tls.host_key == tmp_path / "hostkey.pem"
    assert config.dataservice.endpoints == {"DISK": tmp_path / "disk"}


def test_missing_files_are_all_told(tmp_path: Path) -> None:
    """What a configuration names must be there, and all that is missing is told at once."""
    file = usable(tmp_path)
    (tmp_path / "hostcert.pem").unlink()
    (tmp_path / "certificates").rmdir()
    (tmp_path / "disk").rmdir()
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert [p.key for p in caught.value.problems] == ["tls.host_certificate", "tls.ca_directory", "dataservice.endpoints.DISK"]
    assert load(file, on_this_host=False)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The host's key is the daemon's alone."""
    file = usable(tmp_path)
    (tmp_path / "hostkey.pem").chmod(mode)
    with pytest.raises(ConfigError, match=r"may be read by others .*chmod 0400"):
        load(file)


def test_a_missing_configuration_is_refused(tmp_path: Path) -> None:
    """The file itself may be missing, or not be TOML."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[log]\nlevel = info")
    with pytest.raises(ConfigError, match=r'bad.toml:2: .*level = "info"'):
        load(tmp_path / "bad.toml")


ISSUER = f"""{DATABASE}[tokens.issuers.iam]
issuer = "https://iam.test/"
vo = "atlas"
audience = ["https://panda.test"]
"""


def test_token_issuers_read_back() -> None:
    """Each with what its groups and robots are."""
    config = parse(f'{ISSUER}algorithms = ["ES256"]\n[tokens.issuers.iam.groups]\n"odd one" = "/atlas/Role=x"\n'
                   '[tokens.issuers.iam.robots]\nr2d2 = ["atlas/pilot"]\n')
    assert parse(render(config)) == config
    issuer = config.tokens.issuers["iam"]
    assert (issuer.algorithms, issuer.groups, issuer.robots) == (
        ("ES256",), {"odd one": "/atlas/Role=x"}, {"r2d2": ("atlas/pilot",)})


@pytest.mark.parametrize(("but", "says"), [
    (("https://iam.test/", "http://iam.test/"), "issuer: is 'http://iam.test/'; write https"),
    (("https://iam.test/", "iam.test"), "write an address"),
    (("https://iam.test/", "https://iam.test/?a=b"), "without a question mark"),
    (("https://iam.test/", "https://a:b@iam.test/"), "write an address"),
    (("https://iam.test/", "https://iam.test:x/"), "write an address"),
    (('"atlas"', '"at las"'), "write a name"),
    (('["https://panda.test"]', "[]"), "tokens.issuers.iam: has no audience"),
    (('["https://panda.test"]', '[""]'), "is empty"),
    (('["https://panda.test"]', '["x"]\nalgorithms = ["HS256"]'), "is 'HS256'"),
    (('["https://panda.test"]', '["x"]\nalgorithms = []'), "has no algorithms"),
    (('["https://panda.test"]', '["x"]\ndiscovery = "http://iam.test/"'), "write https"),
    (('["https://panda.test"]', '["x"]\ngroups = {a = "atlas"}'), 'write "/vo"'),
])
def test_mistakes_about_token_issuers(but: tuple[str, str], says: str) -> None:
    """Each is an error that says what to write: over http anybody could send keys, and every audience would be a hole."""
    with pytest.raises(ConfigError) as caught:
        parse(ISSUER.replace(*but))
    assert says in str(caught.value)


def test_issuers_on_this_host_need_no_https() -> None:
    """As that of a sandbox."""
    for host in ("localhost:8080", "127.0.0.1", "[::1]:1"):
        assert parse(ISSUER.replace("https://iam.test", f"http://{host}")).tokens.issuers
