# `make demo` and `make test` set up all they need in .venv; see README.md.

VENV := .venv
EXTRAS := test

.PHONY: demo test lint bench faults clean

demo: $(VENV)/ready
	$(VENV)/bin/pandad demo --cache $(VENV)/pilot

test: $(VENV)/ready lint
	$(VENV)/bin/python -m pytest

lint: $(VENV)/ready
	$(VENV)/bin/ruff check pandad tests twisted setup.py
	$(VENV)/bin/mypy pandad
	MYPYPATH=tests:. $(VENV)/bin/mypy --explicit-package-bases --allow-untyped-decorators --exclude tests/benchmarks tests
	$(VENV)/bin/mypy --explicit-package-bases tests/benchmarks

bench: $(VENV)/ready
	$(VENV)/bin/python -m tests.benchmarks

faults: $(VENV)/ready
	$(VENV)/bin/python -m tests.faults

$(VENV)/ready: setup.py tools/prepare
	sh tools/prepare $(VENV) $(EXTRAS)
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
