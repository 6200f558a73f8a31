"""The rooms against a reference: whatever is said and done in whatever order, the stored jobs are those of a small model."""
