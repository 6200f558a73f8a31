"""Stand-ins for what is outside pandad. Each passes the contract suite of its seam."""
