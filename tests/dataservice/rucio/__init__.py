"""The client of Rucio, and what may go wrong on its way."""
