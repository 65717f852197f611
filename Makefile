# Needs only Python 3.11 or later with venv, and make: everything else is installed into .venv,
# from requirements.lock, which names every package with its version and hashes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
PACKAGES := motion devices server firmware_profiles benchmarks tests
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint types imports tests docs coverage benchmarks lock clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## Count and judge real repetitions, and write gonio-demo-report.html.
	@$(BIN)/gonio demo

test: lint types imports tests ## Everything that must hold before a change is handed in.

lint: $(READY) ## Style and formatting.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## Static types.
	$(BIN)/mypy

imports: $(READY) ## The direction of imports between packages.
	$(BIN)/lint-imports

tests: $(READY) ## The tests alone, on all cores.
	$(BIN)/pytest -n auto

docs: $(READY) ## The documentation, into site/; fails on any broken link.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Coverage cannot see into compiled code, so kernels run as plain Python here: slowly, and only the
# tests that bear it.
coverage: $(READY) ## Line and branch coverage, kernels uncompiled.
	NUMBA_DISABLE_JIT=1 $(BIN)/pytest -m "not compiled" --cov --cov-report=term-missing:skip-covered

benchmarks: $(READY) ## Accuracy beside the peers; the data folder is GONIO_DATA.
	$(BIN)/python -m benchmarks accuracy
	$(BIN)/python -m benchmarks speed

# The resolver lives in an environment of its own; the lock holds no addresses, so it works with
# whatever package index a machine is set up for.
lock: ## Resolve the dependencies anew into requirements.lock.
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --upgrade uv
	$(VENV)-lock/bin/uv pip compile pyproject.toml --universal --generate-hashes --upgrade \
		--group build --group test --group lint --group docs --group benchmarks --group demo \
		--no-annotate --no-header --quiet --output-file requirements.lock
	@! grep -nE '^ *-|://' requirements.lock || { echo "requirements.lock holds an address"; exit 1; }
	rm -rf $(VENV)-lock

clean: ## Remove what the targets made, the environment too.
	rm -rf $(VENV) site .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find $(PACKAGES) -name __pycache__ -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Gonio needs Python 3.11 or later; name one with: make PYTHON=python3.11 ..."; exit 1; }
	@test -x $(BIN)/python || { echo "Creating $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing $$(grep -c '==' requirements.lock) packages into $(VENV); the first time takes one to five minutes."
	@$(PIP) install --no-deps --require-hashes --requirement requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
