"""A fake Rucio in a process of its own, with so many files, each at so many endpoints: what it does is not measured too.

    python -m tests.ruciocosts.away FOLDER FILES ENDPOINTS
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fakes.rucio import Rse
from fakes.rucioweb import RucioServer
from twisted.internet import reactor

REACTOR: Any = reactor


def main(folder: Path, files: int, endpoints: int) -> None:
    """Serve until killed; FOLDER/url has the address."""
    server = RucioServer(REACTOR, *(f"SITE_{number}_DATADISK" for number in range(endpoints)))
    full = list(server.rucio.rses)
    if endpoints == 1:
        server.rucio.rses["SITE_1_DATADISK"] = Rse()  # where all of it is missing
    for number in range(files):
        for endpoint in full:
            server.rucio.put(endpoint, ("user.alice", name(number)), 10**9, "0badcafe")
    (folder / "url.new").write_text(server.url)
    (folder / "url.new").rename(folder / "url")
    REACTOR.run()


def name(number: int) -> str:
    """Of a file, as long as names are."""
    return f"mc23_13p6TeV.601229.PhPy8EG_A14_ttbar_hdamp258p75_SingleLep.deriv.DAOD_PHYS._{number:06d}.pool.root.1"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
