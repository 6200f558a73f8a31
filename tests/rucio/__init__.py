"""What a Rucio costs: `python -m tests.rucio --rucio FOLDER`, one JSON object per measurement. Run by hand."""
