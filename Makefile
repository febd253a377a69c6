# `make help` lists what there is. Everything is installed into .venv, everything written lies in .chillcast.
# Recipes that run for long are exec'ed: Ctrl-C reaches the command itself, and nothing stays behind.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/all.txt
UV_COMPILE := $(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url \
	--no-emit-find-links --python-version 3.11 $(UPGRADE)
STAMP := $(VENV)/.installed
EMBEDDED := "not influx and not kafka and not faults and not oidc and not helm and not image and not long"
# a worker of pytest that dies is not replaced: xdist would wait for its replacement for ever
BESIDE := -n 2 --dist loadfile --max-worker-restart 0
SOAK_S := 3600
MONASH := ../shared/data/monash_chillers_hourly.csv.gz

.PHONY: help setup demo test test-influx test-kafka test-oidc faults soak audit cases lint format types layers compose bench walk skill prove adaptation loop drift case-quality pretrained notebook simulator-report keys house dashboards pictures lock clean test-chart test-long site test-image licences sbom proof-figures

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## create .venv and install from the lock

$(STAMP): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "chillcast needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try make PYTHON=python3.12 setup"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "installing from $(LOCK) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: setup ## simulate a fleet, train, stream, alert days ahead, report (some 3 minutes)
	@exec $(BIN)/chillcast demo

# what starts workers lies in tests/test_*.py and tests/kafka: it mostly waits, and runs by itself
test: setup ## the whole suite on embedded parts: unit, doctest, contract, browser, end to end
	@$(BIN)/python -m pytest -m $(EMBEDDED) $(BESIDE) --ignore-glob 'tests/test_*.py' --ignore tests/kafka; \
	first=$$?; $(BIN)/python -m pytest -m $(EMBEDDED) $(BESIDE) tests/test_*.py tests/kafka && exit $$first

test-influx: setup ## the store's contract and the dashboards over a real InfluxDB 2.7 server
	@if [ -z "$$CHILLCAST_TEST_INFLUX$$CHILLCAST_INFLUXD" ]; then \
		reason=$$(scripts/influxd.sh 2>&1 >/dev/null); status=$$?; \
		if [ $$status -eq 3 ]; then echo "InfluxDB suite: did not run: $$reason"; exit 0; fi; \
		if [ $$status -ne 0 ]; then echo "$$reason" >&2; exit $$status; fi; \
	fi; exec $(BIN)/python -m pytest -m influx

test-kafka: setup ## faults and security on a real Apache Kafka: its address, a distribution, or jars through Maven
	@if [ -z "$$CHILLCAST_TEST_KAFKA$$CHILLCAST_KAFKA_HOME" ]; then \
		reason=$$(scripts/kafka.sh 2>&1 >/dev/null); status=$$?; \
		if [ $$status -eq 3 ]; then echo "Apache Kafka suite: did not run: $$reason"; exit 0; fi; \
		if [ $$status -ne 0 ]; then echo "$$reason" >&2; exit $$status; fi; \
	fi; exec $(BIN)/python -m pytest -m "(kafka or faults) and not long" $(BESIDE) tests/kafka

test-oidc: setup ## signing in with a certified OpenID provider, through npm
	@reason=$$(scripts/oidc.sh 2>&1 >/dev/null); status=$$?; \
	if [ $$status -eq 3 ]; then echo "OpenID suite: did not run: $$reason"; exit 0; fi; \
	if [ $$status -ne 0 ]; then echo "$$reason" >&2; exit $$status; fi; \
	exec $(BIN)/python -m pytest -m oidc tests/streams

test-chart: setup ## the chart for Kubernetes: Helm, through Go, the schemas of the API, and a worker as a pod starts it
	@reason=$$(scripts/helm.sh 2>&1 >/dev/null); status=$$?; \
	if [ $$status -eq 3 ]; then echo "chart's suite: did not run: $$reason"; exit 0; fi; \
	if [ $$status -ne 0 ]; then echo "$$reason" >&2; exit $$status; fi; \
	exec $(BIN)/python -m pytest -m helm tests/test_chart.py

test-long: setup ## the loop of retraining on Apache Kafka, and a fleet without it: ten minutes more
	@exec $(BIN)/python -m pytest -m long tests

test-image: setup ## the container, really built and run without a daemon: buildah upon a Debian of debootstrap; needs root
	@reason=$$(scripts/image.sh 2>&1 >/dev/null); status=$$?; \
	if [ $$status -eq 3 ]; then echo "image's suite: did not run: $$reason"; exit 0; fi; \
	if [ $$status -ne 0 ]; then echo "$$reason" >&2; exit $$status; fi; \
	exec $(BIN)/python -m pytest -m image tests/kafka/test_image.py

faults: setup ## every fault on Apache Kafka and the embedded broker; a table, and .chillcast/faults.json
	@exec $(BIN)/python -m tests.kafka.faults

soak: setup ## every stage at full speed on Apache Kafka for an hour (SOAK_S=3600); its memory has to stay flat
	@exec $(BIN)/python -m tests.kafka.soak $(SOAK_S)

audit: setup ## known vulnerabilities of what the locks name, if their data can be had; says so if not
	@exec scripts/audit.sh $(LOCK)

cases: setup ## run field data as people have it (../shared/cases); prints what came out, and .chillcast/cases.json
	@exec $(BIN)/python -m tests.cases

# whether an import is of the project depends on which folders there are, which ruff's cache does not notice
lint: setup ## ruff: rules and format; hadolint, if it can be had
	@$(BIN)/ruff check --no-cache . && $(BIN)/ruff format --check .
	@scripts/hadolint.sh || [ $$? -eq 3 ]

format: setup ## let ruff mend what it can
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

types: setup ## mypy, strict
	@exec $(BIN)/mypy

layers: setup ## imports run one way
	@exec $(BIN)/lint-imports

compose: setup ## validate docker-compose.yml with a real Compose
	@exec $(BIN)/python -m pytest -q tests/test_compose.py

bench: setup ## kernel, drift, recordings, forms of messages, stream, rivals, fleet, segments and page, each beside a baseline of its run; writes .chillcast/bench.json
	@for part in kernel drift simulator recording forms stream compare fleet segments page cases_page; do $(BIN)/python -m benchmarks.$$part || exit; done

walk: setup ## how long it takes from an alert to its acknowledgement through the API, for the cases of the last `make demo`
	@exec $(BIN)/python -m benchmarks.walk

skill: setup ## judge the forecast on simulated fleets that nothing was chosen on; writes .chillcast/skill.json and .chillcast/skill/report.html
	@exec $(BIN)/chillcast skill $(SKILL)

adaptation: setup ## what the online layer is worth on drifting fleets, beside others; writes docs/adaptation.md in five minutes
	@exec $(BIN)/python -m benchmarks.adaptation

prove: setup ## what alerts are worth to a maintenance team, on fleets that nothing was chosen on; writes .chillcast/proof.json and .chillcast/proof/proof.html
	@exec $(BIN)/chillcast prove $(PROVE)

proof-figures: setup ## write what the last `make prove` found into docs/proof.md, with its picture
	@exec env PYTHONPATH=. $(BIN)/python scripts/proof_figures.py

loop: setup ## a fleet drifts, and its loop mends the model; with the loop off nobody does; writes .chillcast/loop.json and docs/images/loop.png
	@exec $(BIN)/python -m tests.loop

drift: setup ## whether drift gets its right name, how soon, and how often for nothing; writes docs/drift.md in three minutes
	@exec $(BIN)/python -m benchmarks.drift_classes

case-quality: setup ## what the cases of the last `make demo` were worth to who works on them; OF=--json
	@exec env PYTHONPATH=. $(BIN)/python scripts/case_quality.py $(OF)

pretrained: setup ## pre-train the shipped model of chillers from its seeds, byte for byte; some half an hour
	@exec $(BIN)/chillcast pretrain chiller --out fleets/pretrained/chiller

notebook: setup ## run docs/own_model.py and write what it prints as a Jupyter notebook
	@exec $(BIN)/python scripts/notebook.py docs/own_model.py

simulator-report: setup ## simulate a year and write docs/simulator-report.md with its pictures
	@exec env PYTHONPATH=. $(BIN)/python scripts/simulator_report.py $(MONASH)

keys: setup ## write what every key of a file and every setting is into the tables of docs
	@exec env PYTHONPATH=. $(BIN)/python scripts/key_tables.py

licences: setup ## write docs/licences.md: under which licence each part of the workers may be used
	@exec env PYTHONPATH=. $(BIN)/python scripts/licences.py

sbom: setup ## what the workers install, as CycloneDX, in .chillcast/sbom.json
	@mkdir -p .chillcast && exec $(BIN)/cyclonedx-py requirements requirements/worker.txt --pyproject pyproject.toml \
		--output-reproducible --of JSON -o .chillcast/sbom.json

site: setup ## the documentation as a site, in .chillcast/site; a link that leads nowhere fails
	@exec env NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

house: setup ## draw docs/images/house.svg from the imports
	@exec $(BIN)/python scripts/house.py

dashboards: setup ## write the Grafana dashboards of deploy/grafana/dashboards
	@exec $(BIN)/python scripts/dashboards.py

pictures: setup ## take the pictures of README and docs of what `make demo` left, or PICTURES=skill, PICTURES='training REPORT'; needs a Chromium
	@exec env PYTHONPATH=. $(BIN)/python scripts/pictures.py $(PICTURES)

lock: setup ## resolve the locks; pins stay where they can, UPGRADE=--upgrade moves them all
	@$(UV_COMPILE) --all-extras pyproject.toml requirements/build.in -o $(LOCK)
	@$(UV_COMPILE) pyproject.toml requirements/build.in -o requirements/worker.txt
	@$(UV_COMPILE) requirements/audit.in -o requirements/audit.txt
	@$(UV_COMPILE) requirements/hadolint.in -o requirements/hadolint.txt

clean: ## remove .venv, .chillcast and caches
	@rm -rf $(VENV) .chillcast .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
