"""How fast pandad is on this machine: `python -m tests.benchmarks` prints one JSON object per measurement. Nothing is asserted.

Server, database and load generator share the machine, so figures of two machines do not compare; the ratio to pgbench, which
runs the same statements on the same database in the same run, does. Units stand in the key names.
"""
