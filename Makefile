# From a bare Python 3.11 with git and make, each target sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# More processes than two cores: they wait for servers, locks and processes of their own.
PYTEST := pytest --dist loadfile --no-loadscope-reorder -n
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: run test test-thorough test-real check bench format lock remote clean

run: $(READY)  ## the main job: compute everything and show the figures
	dvc repro
	urial report

test: $(READY)  ## the tests of every change
	$(PYTEST) 4

test-thorough: $(READY)  ## these, whole runs that repeat them, remotes over ssh and S3, and 300 examples of each property
	$(PYTEST) 3 --thorough

test-real: $(READY)  ## vLLM and llama.cpp with real models, installed into the user's cache the first time
	pytest --real -rs tests/real

check: $(READY)  ## lint, format, types, schema drift, edited prompts
	ruff check .
	ruff format --check .
	mypy
	urial schemas check
	urial prompts lint

bench: $(READY)  ## every benchmark
	for file in benchmarks/*.py; do python -m benchmarks.$$(basename $$file .py) || exit 1; done

format: $(READY)
	ruff check --fix .
	ruff format .

lock: $(READY)  ## pin the environment that is installed now
	pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt

remote: $(READY)  ## refill the bundled remote with what dvc.lock names, and stage it for the next commit
	@dvc status --quiet || { echo 'the run is not up to date: `dvc status` says why, `make run` computes it' >&2; exit 1; }
	rm -rf remote
	dvc push --remote bundled
	git add --force --all remote

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV)
