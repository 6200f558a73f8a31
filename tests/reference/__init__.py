"""The pages of the documentation that are made from the code: python -m tests.reference makes them all anew."""
