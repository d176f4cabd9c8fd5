# jupyter-mlagent. `make demo` and `make test` do everything that is needed first, and only once.
#
# Python: any 3.11 or newer that is found, or `make PYTHON=/path/to/python3.12 ...`
# GPU:    found by itself, or `make MLAGENT_GPU=cuda|rocm|metal|cpu ...` (see install.md)

VENV ?= .venv
PYTHON ?=
PY := $(VENV)/bin/python
MLAGENT := $(VENV)/bin/mlagent
EXTRAS := dev,lab,tui
TEST_MODELS := smollm2-135m qwen2.5-coder-0.5b qwen2.5-coder-1.5b

# Stamps belong to one place on the disk: a checkout that was moved sets itself up again.
STAMPS := $(VENV)/.stamps-$(shell printf '%s' "$(CURDIR)" | cksum | cut -d ' ' -f 1)
# An environment whose Python is gone (upgraded, removed) is no environment.
ifeq ($(wildcard $(PY)),)
$(shell rm -rf $(STAMPS))
endif

export MLAGENT_GPU PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
# Steps that share one environment do not run beside each other, whatever -j says.
.NOTPARALLEL:
.PHONY: help env engine model demo lab lab-build test test-slow test-models lint format bench build clean

help:  ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z-]*\):.*## /  make \1   /p' $(MAKEFILE_LIST)

env: $(STAMPS)/project  ## Python environment with everything installed (llama.cpp compiled for this CPU)

engine: $(STAMPS)/engine  ## Only llama.cpp, compiled for this machine or taken from the cache

model: env  ## The default model, fetched once and verified
	@$(MLAGENT) models path >/dev/null 2>&1 || $(MLAGENT) models pull

demo: model  ## The main job on an example: propose, try, accept, save
	@$(MLAGENT) demo

test: env lint test-models  ## Every check: lint, types, import contracts, all tests
	@$(PY) -m pytest -m "not slow"

test-slow: env test-models  ## What takes minutes each: training of the bundled tasks, the terminal app in tmux
	@$(PY) -m pytest -m slow

test-models: env
	@for name in $(TEST_MODELS); do \
		$(MLAGENT) models path $$name >/dev/null 2>&1 || $(MLAGENT) models pull $$name || exit 1; \
	done

lint: env  ## Lint, formatting, types, import contracts
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports

format: env  ## Format the sources
	@$(PY) -m ruff check --fix . && $(PY) -m ruff format .

bench: env test-models  ## Measurements against limits and peers
	@for file in bench/*.py; do echo "== $$file"; $(PY) $$file || exit 1; done

build: env  ## Wheel and source distribution, in dist/
	@$(PY) -m build

clean:  ## Remove the environment and everything built here (models and the wheel cache stay)
	@rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/venv:
	@PYTHON="$(PYTHON)" sh scripts/make_venv.sh "$(VENV)"
	@mkdir -p $(@D) && touch $@

$(STAMPS)/engine: $(STAMPS)/venv jupyter_mlagent/engine/build.py jupyter_mlagent/engine/compiling.py \
		jupyter_mlagent/engine/cpu.py
	@$(PY) -m jupyter_mlagent.engine.build --install
	@touch $@

$(STAMPS)/project: $(STAMPS)/engine pyproject.toml
	@echo "Installing jupyter-mlagent and its tools; about a minute the first time."
	@$(PY) -m pip install --editable ".[$(EXTRAS)]" > $(STAMPS)/pip.log 2>&1 || { \
		grep -ho 'ERROR: .*' $(STAMPS)/pip.log | tail -n 1 >&2; \
		echo "pip could not install what this project needs: check the network, or the index and proxy in" \
			"pip's configuration ($(PY) -m pip config list), and run make again." \
			"The log is $(STAMPS)/pip.log" >&2; exit 1; }
	@touch $@

lab: model lab-build  ## JupyterLab on an example notebook, with the extension
	@$(VENV)/bin/jupyter lab examples/breast_cancer.ipynb

lab-build: $(STAMPS)/lab  ## The JupyterLab extension, from its sources (needs Node 20 or newer)

$(STAMPS)/lab: $(STAMPS)/project $(wildcard jupyter_mlagent/lab/src/*.ts jupyter_mlagent/lab/src/*/*.ts) \
		$(wildcard jupyter_mlagent/lab/style/* jupyter_mlagent/lab/schema/*) jupyter_mlagent/lab/package.json
	@command -v node >/dev/null || { echo "JupyterLab's extension needs Node.js 20 or newer: install it" \
		"(apt install nodejs, brew install node) and run make again." >&2; exit 1; }
	@$(PY) -m pip install --quiet jupyter-builder
	@cd jupyter_mlagent/lab && PATH="$(abspath $(VENV))/bin:$$PATH" && jlpm install --immutable && jlpm build:prod
	@mkdir -p $(VENV)/share/jupyter/labextensions
	@ln -sfn $(CURDIR)/jupyter_mlagent/labextension $(VENV)/share/jupyter/labextensions/jupyter-mlagent
	@touch $@
