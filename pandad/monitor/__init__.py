"""The monitor: pages about what runs here, to read only."""
