"""Tasks into jobs."""
