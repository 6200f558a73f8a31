"""What calls answer, key by key: what stands in ``gives`` of a route. Tests hold each against what really comes."""
