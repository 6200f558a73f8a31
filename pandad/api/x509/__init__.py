"""Grid certificates: the TLS of the daemon, whom a chain stands for, and what a VO says of him."""
