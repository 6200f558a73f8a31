"""Files for a shell to read, so that panda-client works against a sandbox: env.sh, and one for each way to say who one is."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

ENV, OIDC, VOMS = "env.sh", "env-oidc.sh", "env-voms.sh"

_CLIENT = """
# prun and pbook themselves, where they are on the PATH and panda_setup.sh was not read
if [ -z "${PANDA_SYS:-}" ] && command -v prun > /dev/null; then
    PANDA_SYS=$(dirname "$(dirname "$(command -v prun)")")
    export PANDA_SYS
    if [ -z "${PANDA_PYTHON_EXEC:-}" ] && [ -x "$PANDA_SYS/bin/python3" ]; then
        PANDA_PYTHON_EXEC=$PANDA_SYS/bin/python3
        export PANDA_PYTHON_EXEC
    fi
fi
"""

_OIDC = """# panda-client with a token, as alice or as whom PANDAD_USER names
. {env}
unset PANDA_NICKNAME
PANDA_AUTH_ID_TOKEN=$(cat {pki}/"${{PANDAD_USER:-alice}}.token")
export PANDA_AUTH=oidc PANDA_AUTH_ID_TOKEN
"""

_VOMS = """# panda-client with a VOMS proxy, as alice or as whom PANDAD_USER names; needs voms-proxy-info (Debian: voms-clients)
. {env}
unset PANDA_NICKNAME PANDA_AUTH
X509_USER_PROXY={pki}/"${{PANDAD_USER:-alice}}.vproxy"
export X509_USER_PROXY
"""


def write(directory: Path, environment: Mapping[str, str]) -> None:
    """All of them."""
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    (directory / ENV).write_text(exports + _CLIENT, "utf-8")
    names = {"env": shlex.quote(str(directory / ENV)), "pki": shlex.quote(environment["PANDAD_PKI"])}
    (directory / OIDC).write_text(_OIDC.format(**names), "utf-8")
    (directory / VOMS).write_text(_VOMS.format(**names), "utf-8")
