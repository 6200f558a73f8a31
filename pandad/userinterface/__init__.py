"""The user's side: submit, look, kill, ask why."""
