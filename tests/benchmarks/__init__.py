"""How fast pandad is on this machine: `python -m tests.benchmarks`. Nothing is asserted. How to read it: docs/benchmarks.md.

From the outside in: __main__ (the sandbox), plan (what is measured), measures/ (how), stand (on what), generators and generator
(the load), engine and scripts (its clients), wire (their connections); report and verdict (what comes of it).
"""
