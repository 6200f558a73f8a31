"""Inputs that nobody thought of: seeded mutations of real requests, for the decoders, the framing of HTTP and whole calls."""
