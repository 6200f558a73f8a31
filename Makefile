# `make demo`, `make test` and `make bench` set up all they need in .venv; see README.md.

VENV := .venv
EXTRAS := test
# Each process has a PostgreSQL of its own; in the order of the folders, for the longest files come early.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-rucio lint bench faults reference clean

demo: $(VENV)/ready
	$(VENV)/bin/pandad demo --cache $(VENV)/pilot

test: $(VENV)/ready lint
	$(VENV)/bin/python -m pytest $(SIDE_BY_SIDE)

# The tests that need a real Rucio, which is installed in .rucio; where it cannot be had they are skipped and say so.
test-rucio: $(VENV)/ready
	$(VENV)/bin/python -m pytest -m rucio -rs --rucio .rucio tests/contracts tests/embedded tests/dataservice tests/jedi

lint: $(VENV)/ready
	$(VENV)/bin/ruff check pandad tests twisted setup.py
	$(VENV)/bin/mypy pandad
	MYPYPATH=tests:. $(VENV)/bin/mypy --explicit-package-bases --allow-untyped-decorators --exclude tests/benchmarks tests
	$(VENV)/bin/mypy --explicit-package-bases tests/benchmarks

bench: $(VENV)/bench
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/python -m tests.benchmarks $(BENCH)

faults: $(VENV)/ready
	$(VENV)/bin/python -m tests.faults

# The pages below docs/ that are made from the code, and the manual pages; a test compares them.
reference: $(VENV)/ready
	$(VENV)/bin/python -m tests.reference
	PYTHONPATH=.:tests $(VENV)/bin/python -m tests.rights docs/reference/rights-matrix.md

$(VENV)/ready: setup.py tools/prepare
	sh tools/prepare $(VENV) $(EXTRAS)
	touch $@

$(VENV)/bench: $(VENV)/ready
	sh tools/prepare $(VENV) $(EXTRAS),bench
	touch $@

clean:
	rm -rf $(VENV) .rucio build *.egg-info
