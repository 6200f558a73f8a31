"""PanDA's API v1: one module here per module of the API, one method per call."""
