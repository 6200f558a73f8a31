"""The monitor: its parts, its pages as they are sent, and as a real browser shows them."""
