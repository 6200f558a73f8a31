"""The machine of somebody who tries pandad out: a checkout with its .venv, and a sandbox that runs on the usual ports."""

from __future__ import annotations

from collections.abc import Mapping

from .distribution import put_python
from .machine import Machine

FOLDER = "/var/tmp/panda"
SANDBOX = f"pandad sandbox {FOLDER}"
LOG = "/root/sandbox.log"
RUNNING: Mapping[str, str] = {SANDBOX: LOG}
ENVIRONMENT: Mapping[str, str] = {"BASH_ENV": "/root/environment"}

# As `make demo` leaves it. Pages stand in a folder of their own, with the checkout's .venv.
VENV = r"""
cd /usr/src/pandad && rm -rf .venv && python3 -m venv .venv
for packages in .venv/lib/python3*/site-packages; do echo /usr/src/pandad >> "$packages/mirror.pth"; done
script() { printf '#!/usr/src/pandad/.venv/bin/python3\n%s\n' "$2" > ".venv/bin/$1"; chmod 755 ".venv/bin/$1"; }
script pandad 'import sys; from pandad.cli.main import main; sys.exit(main())'
script prun 'from pandaclient.PrunScript import main; main()'  # as panda-client installs them
script pbook 'from pandaclient.PBookScript import main; main()'
mkdir -p /root/pages && ln -s /usr/src/pandad/.venv /root/pages/.venv
"""
ENTER = f"""
. /usr/src/pandad/.venv/bin/activate
. {FOLDER}/env.sh
"""


def set_up(machine: Machine) -> None:
    """Return when the sandbox is ready."""
    put_python(machine)
    machine.must(VENV)
    machine.must(f". /usr/src/pandad/.venv/bin/activate; {SANDBOX} > {LOG} 2>&1 & disown")
    machine.must(f"until test -e {FOLDER}/ready || ! pgrep -f '[p]andad sandbox' >/dev/null; do sleep 0.1; done; "
                 f"test -e {FOLDER}/ready || {{ cat {LOG}; false; }}")
    machine.must(f"printf %s '{ENTER}' > /root/environment")


def folder(page: str) -> str:
    """Where a page's commands run: like a checkout, with nothing in it but the .venv."""
    return f"/root/pages/{page.replace('/', '-')}"
