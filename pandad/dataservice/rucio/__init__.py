"""Rucio as the data management system, over its REST interface; docs/reference/rucio.md.

From the wire up: `wire` (one exchange), `login` (tokens), `breaker` (an outage is not asked again and again), `session` (a call:
tries, pauses, errors), `ddm` and `datasets` (what the rooms ask for).
"""
