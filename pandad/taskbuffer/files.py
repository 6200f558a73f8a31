"""Input and output files of jobs: what became known of them."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from pandad.spec.file import FileSpec
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

_KNOWN = ("guid", "status", "dispatchdblocktoken", "destinationse", "destinationdblocktoken", "fsize", "checksum")

_UPDATE = sql("files.update", f"""
    UPDATE file f SET {", ".join(f"{c} = coalesce(n.{c}, f.{c})" for c in _KNOWN)}
    FROM jsonb_populate_recordset(NULL::file, %(files)s::jsonb) n
    WHERE f.row_id = n.row_id AND f.pandaid = n.pandaid""")


_CORRUPTED = sql("files.corrupted", """
    UPDATE file SET status = 'corrupted'
    WHERE pandaid = %(panda_id)s AND type IN ('input', 'pseudo_input') AND lfn = ANY (%(lfns)s::text[])""")


async def update(txn: Transaction, files: Sequence[FileSpec]) -> int:
    """Store GUID, status, endpoints, size and checksum of these files where they are set; how many rows were written."""
    if not files:
        return 0
    rows = [{"row_id": f.row_ID, "pandaid": f.PandaID, "guid": f.GUID, "status": f.status, "fsize": f.fsize,
             "checksum": f.checksum, "dispatchdblocktoken": f.dispatchDBlockToken, "destinationse": f.destinationSE,
             "destinationdblocktoken": f.destinationDBlockToken}
            for f in files]
    return await txn.run(_UPDATE, files=orjson.dumps(rows).decode())


async def mark_corrupted(txn: Transaction, panda_id: int, lfns: Sequence[str]) -> int:
    """A pilot could not use these inputs of the job, by what is in them; how many of the names are the job's."""
    return await txn.run(_CORRUPTED, panda_id=panda_id, lfns=list(lfns))
