"""The pilot's side: hand out jobs, hear of them, notice silence."""
