# Two commands to remember: `make demo` to see it, `make test` to trust it. Each creates .venv by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests of latencies over real sockets: a machine that runs others beside them would be what they measure.
ALONE := tests/test_end_to_end.py

.PHONY: help demo test check format bench conformance clean

help: ## Lists the targets.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: $(VENV)/.runtime ## Installs earthwire and runs the demo (offline, under a minute).
	$(BIN)/earthwire demo

test: $(VENV)/.dev ## Installs earthwire with the test extras and runs all tests.
	$(BIN)/python -m pytest $(ALONE)
	$(BIN)/python -m pytest -n auto $(addprefix --ignore=,$(ALONE))

check: $(VENV)/.dev ## Format, lint and types.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev ## Formats the code and applies the safe lint fixes.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## CPU per request against nginx and haproxy, interleaved.
	$(BIN)/python benchmarks/cpu_per_request.py

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "earthwire needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

conformance: $(VENV)/.dev ## The official MCP conformance suite, direct and through the proxy (needs npm).
	$(BIN)/python -m foreign.conformance

clean: ## Removes the environment and the caches.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
