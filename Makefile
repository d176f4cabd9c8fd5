# jupyter-mlagent. `make demo` and `make test` do everything that is needed first, and only once.
#
# Python: any 3.11 or newer that is found, or `make PYTHON=/path/to/python3.12 ...`
# GPU:    found by itself, or `make MLAGENT_GPU=cuda|rocm|metal|cpu ...` (see install.md)

VENV ?= .venv
PYTHON ?=
PY := $(VENV)/bin/python
MLAGENT := $(VENV)/bin/mlagent
EXTRAS := dev,lab,tui
LAB := jupyter_mlagent/lab
# JupyterLab's own yarn, and the builder beside it.
JLPM := cd $(LAB) && PATH="$(abspath $(VENV))/bin:$$PATH" jlpm
# Everything but the extension works without Node, so its checks wait for a machine that has it.
WITH_NODE = $(if $(shell command -v node 2>/dev/null),$(MAKE) --no-print-directory,\
	echo "No Node here, left out:")
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
.PHONY: help env rl engine model demo lab lab-build lab-modules test test-slow test-extras test-models test-lab test-browser \
	lint lint-lab format bench build clean

help:  ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z-]*\):.*## /  make \1   /p' $(MAKEFILE_LIST)

env: $(STAMPS)/project  ## Python environment with everything installed (llama.cpp compiled for this CPU)

rl: $(STAMPS)/rl  ## What trains the agent: Unsloth and torch, for the GPU that is here or for the CPU

engine: $(STAMPS)/engine  ## Only llama.cpp, compiled for this machine or taken from the cache

model: env  ## The default model, fetched once and verified
	@$(MLAGENT) models path >/dev/null 2>&1 || $(MLAGENT) models pull

demo: model  ## The main job on an example: propose, try, accept, save
	@$(MLAGENT) demo

test: env rl lint test-models  ## Every check: lint, types, import contracts, all tests (the extension's where Node is)
	@$(PY) -m pytest -m "not slow" -n 2 --dist loadfile
	@$(WITH_NODE) test-lab test-browser

test-lab: lab-modules  ## Unit tests of the extension's TypeScript
	@$(JLPM) test

test-browser: env lab-build test-models  ## JupyterLab in a real Chromium (skipped, and said, where there is none)
	@$(PY) -m pytest tests/ui

test-slow: env rl test-models  ## What takes minutes each: training of the bundled tasks, the terminal app in tmux
	@$(PY) -m pytest -m slow

test-extras: env test-models  ## What a test machine does not have by itself: Ray, and the server of llama-cpp-python
	@$(PY) -m pip install --quiet --editable ".[cluster]" fastapi uvicorn sse-starlette starlette-context pydantic-settings
	@$(PY) -m pytest tests/local_rl/environment/test_cluster.py tests/engine/test_openai_server.py

test-models: env
	@for name in $(TEST_MODELS); do \
		$(MLAGENT) models path $$name >/dev/null 2>&1 || $(MLAGENT) models pull $$name || exit 1; \
	done

lint: env  ## Lint, formatting, types, import contracts
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports
	@$(WITH_NODE) lint-lab

lint-lab: lab-modules  ## ESLint and the TypeScript compiler over the extension
	@$(JLPM) lint
	@$(JLPM) types

format: env  ## Format the sources
	@$(PY) -m ruff check --fix . && $(PY) -m ruff format .

bench: env rl test-models  ## Measurements against limits and peers
	@for file in bench/*.py; do echo "== $$file"; $(PY) $$file || exit 1; done

build: env  ## Wheel and source distribution, in dist/
	@$(PY) -m build

clean:  ## Remove the environment and everything built here (models and the wheel cache stay)
	@rm -rf jupyter_mlagent/labextension $(addprefix $(LAB)/,node_modules lib .yarn tsconfig.tsbuildinfo)
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

$(STAMPS)/rl: $(STAMPS)/project scripts/install_rl.sh scripts/rl_cpu.txt
	@echo "Installing what trains the agent; a few minutes the first time."
	@sh scripts/install_rl.sh "$(VENV)" > $(STAMPS)/rl.log 2>&1 || { \
		grep -ho 'ERROR: .*' $(STAMPS)/rl.log | tail -n 1 >&2; \
		echo "pip could not install what trains the agent (install.md, 'Training')." \
			"The log is $(STAMPS)/rl.log" >&2; exit 1; }
	@touch $@

lab: model lab-build  ## JupyterLab on a copy of an example notebook, with the extension
	@mkdir -p build/lab && cp -n examples/breast_cancer.ipynb build/lab/ 2>/dev/null || true
	@$(VENV)/bin/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) build/lab/breast_cancer.ipynb

lab-build: $(STAMPS)/lab  ## The JupyterLab extension, from its sources (needs Node 20 or newer)

lab-modules: $(STAMPS)/node

$(STAMPS)/node: $(LAB)/package.json $(LAB)/yarn.lock | $(STAMPS)/project
	@node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2>/dev/null || { \
		echo "JupyterLab's extension needs Node.js 20 or newer: install it" \
			"(apt install nodejs, brew install node) and run make again." >&2; exit 1; }
	@echo "Fetching what builds the JupyterLab extension; about a minute the first time."
	@($(JLPM) install --immutable) > $(STAMPS)/jlpm.log 2>&1 || { \
		cat $(STAMPS)/jlpm.log >&2; \
		echo "The extension's packages could not be fetched: check the network, or npm's registry and proxy" \
			"(npm config list), and run make again." >&2; exit 1; }
	@touch $@

$(STAMPS)/lab: $(STAMPS)/node $(shell find $(LAB)/src $(LAB)/style $(LAB)/schema -type f) $(LAB)/tsconfig.json \
		$(LAB)/install.json
	@($(JLPM) build:prod) > $(STAMPS)/lab.log 2>&1 || { cat $(STAMPS)/lab.log >&2; exit 1; }
	@cp $(LAB)/install.json jupyter_mlagent/labextension/
	@mkdir -p $(VENV)/share/jupyter/labextensions
	@ln -sfn $(CURDIR)/jupyter_mlagent/labextension $(VENV)/share/jupyter/labextensions/jupyter-mlagent
	@touch $@
