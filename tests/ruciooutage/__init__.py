"""Rucio goes away amid work, for minutes by the clock: `python -m tests.ruciooutage --minutes 10`. Run by hand."""
