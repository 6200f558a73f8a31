"""Other queues on PostgreSQL, with jobs that do nothing: what a job costs where nobody asks over a network for it.

Each module stands on the package of that name, of the extra `bench`, and has two functions: `fill` makes the schema and the jobs,
`work` works until the time is over or no job is left.
"""
