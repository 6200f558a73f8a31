"""Time: the loops that move jobs on when nobody calls."""
