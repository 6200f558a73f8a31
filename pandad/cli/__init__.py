"""The `pandad` command: a client of the API, or of the store where an operator works on the host itself."""
