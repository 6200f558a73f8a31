"""A Rucio of one's own, for the tests and the sandbox: the real server from PyPI, below one directory, on loopback.

A site uses its experiment's Rucio. This one has no FTS, no messages and no daemons: `agent` moves the files.
"""
