"""What a person or a script reads: aligned tables, or JSON."""

from __future__ import annotations

import argparse
import json
from datetime import datetime

from pandad.cli.options import add_json as add_json
from pandad.tables import cell as cell
from pandad.tables import facts as facts
from pandad.tables import table as table


def show(args: argparse.Namespace, data: object, text: str) -> None:
    """Print `data` as JSON if the user asked for it, else `text`."""
    print(json.dumps(data, indent=2, default=_plain) if args.json else text)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
