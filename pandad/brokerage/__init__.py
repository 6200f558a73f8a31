"""Which queue: pure rules over frozen facts, and one cycle that does the reading and the moving."""
