"""Other queues on PostgreSQL, with jobs that do nothing: what a job costs where nobody asks over a network for it.

Each module is a process: `python -m tests.benchmarks.peers.NAME fill DSN JOBS` makes the schema and the jobs; `... work DSN SETTINGS`
writes "ready", waits for a line, works until no job is left, and writes the JSON {"jobs": n, "seconds": s}. They stand on the
package of that name, of the extra `bench`.
"""
