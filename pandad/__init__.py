"""pandad: the PanDA server as one Twisted daemon on one PostgreSQL."""

__version__ = "0.1.0"
