# Everything a fresh machine needs is Python 3.11 or later, with pip and venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help setup repro test lint bench ui experiments clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

setup: $(INSTALLED)  ## create the environment .venv and install everything into it

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -e '.[dev]'
	touch $@

repro: setup  ## run the pipeline: what changed since the last run, and nothing else
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro

test: setup lint  ## lint, types and all tests
	$(BIN)/python -m pytest

lint: setup  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup  ## speed, as ratios against a peer measured in the same run
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks

ui: setup  ## MLflow in the browser
	MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false $(BIN)/mlflow ui --workers 1 --backend-store-uri sqlite:///mlflow/mlflow.db

experiments: setup  ## this commit's DVC experiments: the settings and scores in which they differ
	$(BIN)/dvc exp show --only-changed --drop '.*/|State|Executor' --no-pager

clean:  ## remove the environment; results stay
	rm -rf $(VENV)
