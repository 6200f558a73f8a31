"""What a Rucio costs: `python -m tests.ruciocosts --rucio FOLDER`, one JSON object per measurement. Run by hand."""
