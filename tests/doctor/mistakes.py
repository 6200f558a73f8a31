"""Mistakes that operators make in a configuration: what is changed in a good one, and how it must be told.

Each is one mistake. ``key`` and the line are where it is told; ``words`` stand in the finding or its remedy. The line is the one
that begins with ``at``, else as the new text does; of several the ``nth``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """``old`` becomes ``new``."""

    old: str
    new: str
    key: str
    words: str
    fault: str = "configuration"
    at: str = ""
    nth: int = 1

    def made_in(self, good: str) -> str:
        """The text with the mistake."""
        assert good.count(self.old) == 1, self.old
        return good.replace(self.old, self.new)

    def line_in(self, text: str) -> int:
        """Where it must be told, from 1."""
        wanted = self.at or self.new.lstrip("\n").split("\n")[0]
        return [number for number, line in enumerate(text.split("\n"), 1) if line.startswith(wanted)][self.nth - 1]


M = Mistake

SYNTAX = (
    M('level = "info"', "level = info", "log.level", 'level = "info"'),
    M("python = false", "python = False", "console.python", "small letters: python = false"),
    M("python = false", "python = no", "console.python", "write python = false"),
    M("tls_port = 25443", "tls_port: 25443", "server.tls_port", "tls_port = 25443"),
    M("tls_port = 25443", "tls_port 25443", "server.tls_port", "an equals sign: tls_port = 25443"),
    M("http_port = 25080", "http_port = 25080\nhttp_port = 25081", "server.http_port", "on line 4 already",
      at="http_port = 25081"),
    M("[log]\n", "[server]  # again\n[log]\n", "server", "it is on line 1 already"),
    M('backend = "local"', "backend = “local”", "dataservice.backend", 'straight quotes: backend = "local"'),
    M('backend = "local"', 'backend = "local', "dataservice.backend", 'close the text on its line with "'),
    M('DISK = "disk"', 'DISK = "C:\\data"', "dataservice.endpoints.DISK", "backslash twice"),
    M('    "/sandbox/Role=pilot",\n]', '    "/sandbox/Role=pilot",', "identity.pilot", "close the list with ]", at="pilot = ["),
    M('    "/DC=org/DC=pandad/CN=pilot",', '    "/DC=org/DC=pandad/CN=pilot"', "identity.pilot", "part its items by commas",
      at='    "/sandbox/Role=pilot"'),
    M("[console]", "[console", "console", "close the header: [console]"),
    M("sent_s = 40", "sent_s = 40 ; as PanDA", "timeouts.sent_s", "begin comments with #"),
    M("sent_s = 40", "sent_s = 40 // as PanDA", "timeouts.sent_s", "begin comments with #"),
    M("sent_s = 40", "sent_s = 2m", "timeouts.sent_s", "sent_s = 120"),
    M("sent_s = 40", "sent_s =", "timeouts.sent_s", "write a value behind sent_s ="),
    M("sent_s = 40", "sent_s = 040", "timeouts.sent_s", "sent_s = 40"),
    M("stop_s = 8.0", "stop_s = 8,0", "server.stop_s", "one key = value"),
    M("factor = 1.5", "factor = 150%", "retry.rules.memory.factor", "factor = 150"),
)

TYPES = (
    M("tls_port = 25443", 'tls_port = "25443"', "server.tls_port", "write a whole number, without quotes"),
    M("tls_port = 25443", "tls_port = 25443.5", "server.tls_port", "write a whole number"),
    M("tls_port = 25443", "tls_port = 254430", "server.tls_port", "0 to 65535"),
    M("refresh_s = 600\nkeep_s", 'refresh_s = "10 min"\nkeep_s', "tokens.refresh_s", "600 (seconds)"),
    M("heartbeat_analysis_s = 7200", 'heartbeat_analysis_s = "2h"', "timeouts.heartbeat_analysis_s", "7200 (seconds)"),
    M("factor = 1.5", 'factor = "50%"', "retry.rules.memory.factor", "write a number, without a unit: 50"),
    M("python = false", 'python = "no"', "console.python", "write false, without quotes"),
    M("python = false", "python = 0", "console.python", "write false"),
    M("connections = 8", "connections = 0", "database.connections", "1 to 1000"),
    M("stop_s = 8.0", "stop_s = 0.1", "server.stop_s", "0.5 to 600"),
    M("warn_days = 14", "warn_days = 1000", "tls.warn_days", "1 to 365"),
    M('vos = ["sandbox"]', 'vos = "sandbox"', "identity.vos", 'write a list: ["sandbox"]'),
    M("codes = [1212]", 'codes = ["1212"]', "retry.rules.memory.codes[1]", "without quotes"),
    M("[shares.work]\nproduction = 2.0", "[shares]\nwork = 2.0", "shares.work", "a table", at="work ="),
    M('dsn = "host=db.example.org dbname=pandad"', "dsn = 5432", "database.dsn", "write a text in quotes"),
    M('DISK = "disk"', "DISK = 3", "dataservice.endpoints.DISK", "write a path in quotes"),
)

NAMES = (
    M("tls_port = 25443", "tlsport = 25443", "server.tlsport", "did you mean tls_port?"),
    M("[loops]", "[loop]", "loop", "did you mean loops?"),
    M("[database]\n", "[databases]\n", "databases", "did you mean database?"),
    M('level = "info"', 'level = "warning"', "log.level", "did you mean warn?"),
    M('format = "auto"', 'format = "xml"', "log.format", "one of auto, json, text"),
    M('backend = "local"', 'backend = "rucoi"', "dataservice.backend", "did you mean rucio?"),
    M('action = "more_memory"', 'action = "memory"', "retry.rules.memory.action", "did you mean more_memory?"),
    M('source = "pilot"\ncodes', 'sources = "pilot"\ncodes', "retry.rules.memory.sources", "did you mean source?"),
    M("sent_s = 40", "tls_port = 25443", "timeouts.tls_port", "it belongs to [server]", nth=2),
    M("batch = 200", 'dsn = "dbname=pandad"', "dataservice.dsn", "it belongs to [database]"),
    M('dsn = "host=db.example.org dbname=pandad"', "", "database.dsn", 'dsn = "dbname=pandad"', at="[database]"),
    M('dsn = "host=db.example.org dbname=pandad"', 'dsn = ""', "database.dsn", "is empty"),
    M("production = 2.0", "prod = 2.0", "shares.work.prod", "did you mean production?", "unknown-work"),
)

VALUES = (
    M('interface = "127.0.0.1"', 'interface = "localhost"', "server.interface", '"127.0.0.1"'),
    M('    "/DC=org/DC=pandad/CN=pilot",', '    "CN=pilot,DC=pandad,DC=org",', "identity.pilot[1]", "slash form"),
    M('vos = ["sandbox"]', 'vos = ["/sandbox"]', "identity.vos[1]", 'write a name, as "atlas"'),
    M('issuer = "https://iam.example.org/"', 'issuer = "http://iam.example.org/"', "tokens.issuers.iam.issuer", "write https"),
    M('issuer = "https://iam.example.org/"', 'issuer = "iam.example.org"', "tokens.issuers.iam.issuer",
      '"https://iam.example.org/"'),
    M('audience = ["https://panda.example.org"]', "audience = []", "tokens.issuers.iam", "has no audience",
      at="[tokens.issuers.iam]"),
    M('source = "{folder}/queues.json"', 'source = "queues.json"', "queues.source", "a path from / on"),
    M('source = "{folder}/queues.json"', 'source = "http://cric.example.org/"', "queues.source", "write https"),
    M("http_port = 25080", "http_port = 25443", "server.http_port", "the same as tls_port"),
    M("factor = 1.5", "factor = 1", "retry.rules.memory", "raises nothing; write factor = 1.5", at="[retry.rules.memory]"),
    M('backend = "local"', 'backend = "rucio"', "dataservice.rucio", "has no url", at="[dataservice.rucio]"),
    M('account = "panda"', 'account = "päonda"', "dataservice.rucio.account", "without accents"),
    M("python = false", 'telnet_interface = "0.0.0.0"', "console.telnet_interface", "127.0.0.1"),
    M("python = false", "ssh_port = 2222", "console", "has ssh_port and no ssh_host_key", at="[console]"),
)

TOGETHER = (
    M("python = false", "telnet_port = 25443", "console.telnet_port", "as server.tls_port is", "port-twice"),
    M("keep_s = 86400", "keep_s = 300", "tokens.keep_s", "raise tokens.keep_s", "token-keys-run-out"),
    M("heartbeat_analysis_s = 7200", "heartbeat_analysis_s = 900", "timeouts.heartbeat_analysis_s", "3600 or more",
      "heartbeat-too-short"),
    M("answer_s = 90.0", "answer_s = 180.0", "limits.answer_s", "below 120", "answer-too-late"),
    M("attempts = 3\n", "attempts = 99\n", "retry.attempts", "raise retry.most_attempts", "never-reached"),
    M("connections_per_address = 4000", "connections_per_address = 40000", "limits.connections_per_address",
      "raise limits.connections", "never-reached"),
    M("wait_s = 10.0", "wait_s = 100.0", "database.wait_s", "raise limits.answer_s", "never-reached"),
    M("sent_s = 40", "sent_s = 1", "loops.watcher_s", "raise timeouts.sent_s", "never-reached", at="[loops]"),
    M('account = "panda"', 'url = "https://rucio.example.org"', "dataservice.rucio.url", 'backend = "rucio"', "without-effect"),
    M('key_file = "secrets.key"', 'pilot_owner = "/DC=org/CN=x"', "secrets.pilot_owner", "secrets.key_file", "without-effect"),
    M('trf_directory = "trf"', 'trf_directory = "pki"', "files.trf_directory", "hostkey.pem", "secret-served"),
    M('codes = [1212]\nmessage = "*memory*"\n', "", "retry.rules.memory", "write codes or message", "rule-meets-all",
      at="[retry.rules.memory]"),
    M('message = "*memory*"', 'message = "out of memory"', "retry.rules.memory.message", '"*out of memory*"',
      "pattern-whole-text"),
    M('DISK = "disk"', 'DISK = "disk"\nTAPE = "disk"', "dataservice.endpoints.TAPE", "its own folder", "endpoint-twice",
      at="TAPE"),
    M("python = false", "python = true", "console.python", "write python = false", "console-python"),
)

PEOPLE = (
    M('    "/DC=org/DC=pandad/CN=pilot",', '    "/DC=org/DC=pandad/CN=pilot/CN=proxy",', "identity.pilot[1]",
      '"/DC=org/DC=pandad/CN=pilot"', "dn-of-a-proxy"),
    M('    "/DC=org/DC=pandad/CN=pilot",', '    "/DC=org/DC=pandad/CN=pilot", "/DC=org/DC=pandad/CN=pilot",', "identity.pilot[2]",
      "leave one", "named-twice"),
    M("CN=prod from {ca}", "CN=prod from /DC=org/CN=Other CA", "identity.production[1]", "install the CA", "unknown-ca",
      at="production ="),
    M("5678 from https://iam.example.org/", "5678 from https://iam.example.com/", "identity.admin[1]", "exactly as in",
      "unknown-issuer", at="admin ="),
    M('    "/sandbox/Role=pilot",', '    "/sandbx/Role=pilot",', "identity.pilot[2]", "sandbx", "unknown-vo"),
    M('vos = ["sandbox"]', 'vos = ["sandbox", "atlas"]', "identity.vos[2]", "atlas/", "unknown-vo"),
    M("[tokens]\n", '[identity.groups]\nhiggs = []\n[tokens]\n', "identity.groups.higgs", "write a DN", "without-effect",
      at="higgs"),
)

DSNS = (
    M("host=db.example.org dbname=pandad", "hots=db.example.org dbname=pandad", "database.dsn", "did you mean host?",
      "dsn-malformed",
      at="dsn ="),
    M("host=db.example.org dbname=pandad", "db.example.org", "database.dsn", '"host=db.example.org dbname=pandad user=pandad"',
      "dsn-malformed", at="dsn ="),
    M("dbname=pandad", "dbname=pandad port=54x2", "database.dsn", "port=5432", "dsn-port", at="dsn ="),
    M("dbname=pandad", "dbname=pandad sslmode=disable", "database.dsn", "sslmode=verify-full", "database-in-the-clear",
      at="dsn ="),
    M("host=db.example.org", "host=db1,db2", "database.dsn", "target_session_attrs=read-write", "dsn-any-host", at="dsn ="),
    M("dbname=pandad", "dbname=pandad sslrootcert=/nowhere/ca.pem", "database.dsn", "/nowhere/ca.pem", "dsn-file-missing",
      at="dsn ="),
    M("dbname=pandad", "dbname=pandad options=-cjit=on", "database.dsn", "leave options out", "dsn-overruled", at="dsn ="),
)

IN_THE_TEXT = (*SYNTAX, *TYPES, *NAMES, *VALUES, *TOGETHER, *PEOPLE, *DSNS)
