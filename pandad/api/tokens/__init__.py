"""Bearer tokens: who issues them, with which keys, and what their claims say about the bearer."""
