"""A configuration in which there is nothing to find, and the files that it names."""

from __future__ import annotations

import shutil
from pathlib import Path

from pandad.embedded.pki import SandboxPki
from pandad.taskbuffer import vault

GOOD = """[server]
interface = "127.0.0.1"
tls_port = 25443
http_port = 25080
stop_s = 8.0

[tls]
host_certificate = "pki/hostcert.pem"
host_key = "pki/hostkey.pem"
ca_directory = "pki/certificates"
vomsdir = "vomsdir"
accept_expired_crl = false
warn_days = 14

[database]
dsn = "host=db.example.org dbname=pandad"
connections = 8
wait_s = 10.0

[identity]
pilot = [
    "/DC=org/DC=pandad/CN=pilot",
    "/sandbox/Role=pilot",
]
production = ["/DC=org/DC=pandad/CN=prod from {ca}"]
admin = ["1234-5678 from https://iam.example.org/"]
vos = ["sandbox"]

[tokens]
refresh_s = 600
keep_s = 86400

[tokens.issuers.iam]
issuer = "https://iam.example.org/"
vo = "sandbox"
audience = ["https://panda.example.org"]

[secrets]
key_file = "secrets.key"

[files]
trf_directory = "trf"

[timeouts]
sent_s = 40
heartbeat_analysis_s = 7200

[limits]
connections = 10000
connections_per_address = 4000
answer_s = 90.0

[shares.work]
production = 2.0

[queues]
source = "{folder}/queues.json"
refresh_s = 600

[retry]
attempts = 3

[retry.rules.memory]
source = "pilot"
codes = [1212]
message = "*memory*"
action = "more_memory"
factor = 1.5

[dataservice]
backend = "local"
batch = 200

[dataservice.endpoints]
DISK = "disk"

[dataservice.rucio]
account = "panda"

[loops]
brokerage_s = 10.0
lease_s = 10.0

[console]
socket = "run/console"
python = false

[log]
level = "info"
format = "auto"
"""

LSC = "/DC=org/DC=example/CN=voms.example.org\n/DC=org/DC=example/CN=Example CA\n"


def lay_out(folder: Path, pki: SandboxPki) -> Path:
    """Write it, with all its files; its path."""
    shutil.copytree(pki.directory, folder / "pki")
    for name in ("vomsdir/sandbox", "trf", "disk", "run"):
        (folder / name).mkdir(parents=True)
    (folder / "vomsdir" / "sandbox" / "voms.example.org.lsc").write_text(LSC)
    vault.make(folder / "secrets.key")
    (folder / "queues.json").write_text("{}")
    file = folder / "pandad.toml"
    file.write_text(text_for(folder))
    return file


def text_for(folder: Path, text: str = GOOD) -> str:
    """The text of the configuration that lies there."""
    return text.format(ca="/DC=org/DC=pandad/CN=pandad sandbox CA", folder=folder)
