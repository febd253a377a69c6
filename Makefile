# `make help` lists what there is. Everything is installed into .venv, everything written lies in .chillcast.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/all.txt
STAMP := $(VENV)/.installed

.PHONY: help setup demo test test-influx lint format types layers compose bench lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## create .venv and install from the lock

$(STAMP): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "chillcast needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try make PYTHON=python3.12 setup"; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@echo "installing from $(LOCK) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: setup ## simulate a fleet, train, stream, alert days ahead, report (under 3 minutes)
	@exec $(BIN)/chillcast demo

test: setup ## the whole suite on embedded parts: unit, doctest, contract, browser, end to end
	@exec $(BIN)/python -m pytest -m "not influx"

test-influx: setup ## the store's contract over a real InfluxDB 2.7 server
	@if binary=$$(scripts/influxd.sh) || [ -n "$$CHILLCAST_TEST_INFLUX" ]; then \
		CHILLCAST_INFLUXD="$$binary" exec $(BIN)/python -m pytest -m influx tests/streams; \
	else echo "InfluxDB suite: did not run"; fi

lint: setup ## ruff: rules and format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: setup ## let ruff mend what it can
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

types: setup ## mypy, strict
	@exec $(BIN)/mypy

layers: setup ## imports run one way
	@exec $(BIN)/lint-imports

compose: setup ## validate docker-compose.yml with a real Compose
	@exec $(BIN)/python -m pytest -q tests/test_compose.py

bench: setup ## the kernel against one pass over the same numbers; writes .chillcast/bench.json
	@exec $(BIN)/python benchmarks/kernel.py

lock: setup ## resolve the locks anew
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
		--all-extras pyproject.toml requirements/build.in -o $(LOCK)
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
		pyproject.toml requirements/build.in -o requirements/worker.txt

clean: ## remove .venv, .chillcast and caches
	@rm -rf $(VENV) .chillcast .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
