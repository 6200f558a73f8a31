"""The user's bearer token, where PanDA's clients and WLCG Bearer Token Discovery (zenodo.3937438) look for it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pandad.cli.failures import Unusable
from pandad.spec.errors import PandadError


class ClientError(PandadError):
    """A call did not succeed; the text says why and what to do."""


class NotSetUp(Unusable, ClientError):
    """The environment or the credential is not usable; no call was made."""


def headers(environ: Mapping[str, str]) -> dict[str, str]:
    """What to send with each call.

    :raise NotSetUp: there is no token, or it cannot be read, or nothing says for which VO.
    """
    vo = environ.get("PANDA_AUTH_VO") or environ.get("OIDC_AUTH_VO")
    if not vo:
        raise NotSetUp("PANDA_AUTH=oidc and PANDA_AUTH_VO is not set; set it to VO or VO:ROLE")
    token = next(filter(None, _tokens(environ)), None)
    if token is None:
        raise NotSetUp("PANDA_AUTH=oidc and there is no token; set PANDA_AUTH_ID_TOKEN, or OIDC_AUTH_TOKEN_FILE to a file")
    return {"Authorization": f"Bearer {token}", "Origin": vo}


def _tokens(environ: Mapping[str, str]) -> Iterator[str]:
    """Those of panda-client first, in its order."""
    yield environ.get("PANDA_AUTH_ID_TOKEN", "").strip()
    yield _content(environ.get("OIDC_AUTH_TOKEN_FILE"))
    yield environ.get("OIDC_AUTH_ID_TOKEN", "").strip()
    yield environ.get("BEARER_TOKEN", "").strip()
    yield _content(environ.get("BEARER_TOKEN_FILE"))
    for folder in (environ.get("XDG_RUNTIME_DIR"), "/tmp"):
        usual = Path(folder) / f"bt_u{os.getuid()}" if folder else None
        if usual is not None and usual.is_file() and usual.stat().st_uid == os.getuid():
            yield _content(str(usual))


def _content(path: str | None) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text("ascii").strip()
    except (OSError, ValueError) as e:
        raise NotSetUp(f"the token in {path} cannot be read ({getattr(e, 'strerror', None) or 'it is no plain text'})") from e
