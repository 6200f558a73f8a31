"""Campaigns of faults: real daemons on a real PostgreSQL are broken under load, then every acknowledged word is looked for."""
