"""Whether `why` says what brokerage and dispatch really decide: random worlds, each job held against both."""
