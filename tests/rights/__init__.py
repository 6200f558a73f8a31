"""Who may do what: every call by everybody about everybody's jobs, and people who look like others."""
