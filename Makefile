# Shortcuts for commands; `make -n TARGET` prints the command of a target.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
# system certificates, for networks behind a proxy
UV := $(BIN)/uv --system-certs pip

.DEFAULT_GOAL := help
.PHONY: help setup data inspect zeroing test test-older-cpu test-fuzz test-arms test-kills test-services check docs ui status report prune reproduce bench clean

help:            ## show this list
	@grep -E '^[a-z-]+: .*##' Makefile | sed 's/:.*##/\t/' | expand -t 16

setup: $(READY)  ## create the environment .venv from requirements.lock, whose hashes are checked

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || { awk '/^uv==/,!/\\$$/' requirements.lock > $(VENV)/uv.txt && \
		$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.txt; }
	$(UV) sync --quiet --require-hashes --python $(BIN)/python requirements.lock
	$(UV) install --quiet --python $(BIN)/python --no-deps --editable .
	touch $(READY)

data: $(READY)   ## draw the demo data and write their store
	$(BIN)/python prepare.py

inspect: $(READY) ## write a page about a store before training: make inspect [DATA=isic2018]
	$(BIN)/python prepare.py inspect=true $(if $(DATA),data=$(DATA))

zeroing: $(READY) ## the main experiment: the zeroing sweep on the demo data, and its table
	$(BIN)/python train.py +experiment=zeroing -m

test: $(READY)   ## run the tests, on up to four cores
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

test-older-cpu: $(READY) ## run the numerical tests with the instructions of a processor without AVX-512
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 \
		tests/test_recipe.py $(addprefix tests/,data losses metrics networks tasks)

test-fuzz: $(READY) ## run the tests on random input, with thousands of examples
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -m fuzz --numprocesses auto --maxprocesses 4 --dist worksteal

test-arms: $(READY) ## train one batch of every arm of every experiment, by its own command, and the positive control
	$(BIN)/python -m pytest tests/test_arms.py tests/test_conf.py -m arms --numprocesses auto --maxprocesses 4 --dist worksteal

test-kills: $(READY) ## kill a sweep with kill -9 at twenty random moments, and compare its final results
	$(BIN)/python -m pytest tests/test_survival.py -m kills --numprocesses auto --maxprocesses 2 --dist worksteal

test-services: $(READY) ## start PostgreSQL, an MLflow server and all launchers, and test with them
	$(BIN)/python -m pytest -m services --numprocesses auto --maxprocesses 2 --dist loadfile

check: $(READY)  ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)   ## update the table of groups in docs/configuration.md from conf/
	$(BIN)/python -m dermoscopy.config.help

ui: $(READY)     ## compare the runs of the latest sweep in the browser: make ui [EXPERIMENT=zeroing]
	$(BIN)/python -m dermoscopy.tracking.ui $(EXPERIMENT)

status: $(READY) ## print the progress of sweeps, running or not: make status [EXPERIMENT=zeroing]
	$(BIN)/python report.py status=true $(if $(EXPERIMENT),experiment=$(EXPERIMENT))

report: $(READY) ## write the page of the latest sweep of an experiment or of several: make report EXPERIMENT=zeroing,cascade
	$(BIN)/python report.py experiment=$(or $(EXPERIMENT),zeroing) $(if $(PUBLISH),publish=$(PUBLISH))

prune: $(READY)  ## show what can be deleted in runs/, and how much: make prune [OLDER=30]
	$(BIN)/python report.py prune=true $(if $(OLDER),older=$(OLDER))

reproduce: $(READY) ## train a finished run again and compare every number: make reproduce RUN=ID
	$(BIN)/python reproduce.py run=$(RUN)

bench: $(READY)  ## compare the speed with a plain version and a bare loop
	$(BIN)/python -m tests.bench

clean:           ## remove caches; data, runs and records stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
