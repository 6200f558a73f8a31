"""Make all pages anew that the code makes: python -m tests.reference. (The matrix of rights: python -m tests.rights FILE.)"""

from __future__ import annotations

from .pages import ROOT, stale

for file, text in list(stale()):
    file.parent.mkdir(parents=True, exist_ok=True)
    if text is None:
        file.unlink()
    else:
        file.write_text(text, "utf-8")
    print("removed" if text is None else "made", file.relative_to(ROOT))
