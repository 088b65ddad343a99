# Each target names a command and hides none; `make -n TARGET` shows it.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
# the certificates of the system, so that it also works behind a proxy of the house
UV := $(BIN)/uv --system-certs pip

.DEFAULT_GOAL := help
.PHONY: help setup data inspect zeroing test test-older-cpu test-kills test-services check docs ui status report reproduce bench clean

help:            ## show this list
	@grep -E '^[a-z-]+: .*##' Makefile | sed 's/:.*##/\t/' | expand -t 16

setup: $(READY)  ## make the environment .venv from requirements.lock

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/pip install --quiet --disable-pip-version-check uv
	$(UV) sync --quiet --python $(BIN)/python requirements.lock
	$(UV) install --quiet --python $(BIN)/python --no-deps --editable .
	touch $(READY)

data: $(READY)   ## draw the demo data and make its store
	$(BIN)/python prepare.py

inspect: $(READY) ## write a page about a store before training: make inspect [DATA=isic2018]
	$(BIN)/python prepare.py inspect=true $(if $(DATA),data=$(DATA))

zeroing: $(READY) ## the main job: the zeroing sweep on the demo data, and its table
	$(BIN)/python train.py +experiment=zeroing -m

test: $(READY)   ## run the tests, on up to four cores
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

test-older-cpu: $(READY) ## run the tests that compare numbers as a processor without AVX-512 would
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 \
		tests/test_recipe.py $(addprefix tests/,data losses metrics networks tasks)

test-kills: $(READY) ## kill a real sweep with kill -9 at twenty random moments, and compare what it gives in the end
	$(BIN)/python -m pytest tests/test_survival.py -m kills

test-services: $(READY) ## test tracking with PostgreSQL and an MLflow server, and all launchers: it starts them
	$(BIN)/python -m pytest -m services

check: $(READY)  ## format, lint, types, who may import whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)   ## write the table of groups in docs/configuration.md anew from conf/
	$(BIN)/python -m dermoscopy.config.help

ui: $(READY)     ## compare runs in the browser
	$(BIN)/mlflow ui --backend-store-uri sqlite:///mlflow.db

status: $(READY) ## show where sweeps stand, also while they run: make status [EXPERIMENT=zeroing]
	$(BIN)/python report.py status=true $(if $(EXPERIMENT),experiment=$(EXPERIMENT))

report: $(READY) ## write experiments/NAME from the latest sweep: make report EXPERIMENT=zeroing
	$(BIN)/python report.py experiment=$(or $(EXPERIMENT),zeroing)

reproduce: $(READY) ## train a finished run again and compare every number: make reproduce RUN=ID
	$(BIN)/python reproduce.py run=$(RUN)

bench: $(READY)  ## compare our speed with the plain version and the bare loop
	$(BIN)/python -m tests.bench

clean:           ## remove caches; data, runs and records stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
