# The same few commands for a person, for CI and for the workflow. Needs Python >= 3.11 and make, nothing else.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready
UV := uv==0.13.8
LOCK := --universal --python-version 3.11 --generate-hashes --only-binary :all: --no-emit-index-url --no-annotate --no-header --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint bench lock clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## raw solar and weather events to features_enriched, in a directory of its own
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: $(READY) ## the tests, with coverage; for some of them call .venv/bin/pytest
	@$(BIN)/pytest --cov -n 2 --no-loadscope-reorder -m "not slow"

test-all: $(READY) ## the tests and the slow ones: kills at every step, releases and rebuilds on RisingWave
	@$(BIN)/pytest --cov -n 2 --no-loadscope-reorder

lint: $(READY) ## ruff (rules and format) and mypy --strict
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet . && $(BIN)/mypy

bench: $(READY) ## every benchmark, one after the other, with its defaults
	@for b in benchmarks/bench_*.py; do echo "== $$b"; $(BIN)/python $$b || exit 1; done

lock: ## pin what pyproject.toml names and the locks lack; UPGRADE=--upgrade takes the newest of all
	@$(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet $(UV)
	@build/lock/bin/uv pip compile pyproject.toml --all-extras $(LOCK) $(UPGRADE) -o requirements/dev.lock
	@echo setuptools | build/lock/bin/uv pip compile pyproject.toml - --extra kafka --extra risingwave \
	  -c requirements/dev.lock $(LOCK) -o requirements/image.lock

clean: ## remove what can be made again; .featurectl/ stays, it is data
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*

$(READY): requirements/dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python >= 3.11 with venv found: install one, or say make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "setting up .venv from requirements/dev.lock"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
