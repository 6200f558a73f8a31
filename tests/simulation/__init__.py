"""A simulated grid: real code decides, the rest are discrete events. See docs/explanation/simulation.md."""
