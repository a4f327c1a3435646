# Every target makes what it needs in .venv and can be called again at no cost.
#   make demo    a complete transfer on tables that come with ionbridge
#   make test    unit, property and contract tests
#   make lint types docs bench bench-smoke clean

PYTHON ?= python3
# more arguments for pip, for example a package index inside your institute
PIP_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/stamps
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt $(PIP_ARGS)
BENCHMARKS = $(filter-out benchmarks/_%,$(wildcard benchmarks/*.py))

export OMP_NUM_THREADS ?= 1
export MPLBACKEND ?= Agg

.PHONY: help demo test lint types docs bench bench-smoke clean
help:
	@sed -n 's/^#   //p' Makefile

$(STAMP)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "ionbridge needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Choose another with: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) "pip>=25.1"
	@mkdir -p $(STAMP) && touch $@

# torch first and by its exact version: one look-up instead of several gigabytes of the wrong build
$(STAMP)/run: $(STAMP)/venv pyproject.toml constraints.txt
	$(INSTALL) torch
	$(INSTALL) --editable '.[report,files,cyclers]'
	@touch $@

# every extra: PyBaMM, CHGNet, ONNX and others add about 1 GB
$(STAMP)/all: $(STAMP)/run
	$(INSTALL) --editable '.[all]'
	@touch $@

$(STAMP)/group-%: $(STAMP)/venv pyproject.toml constraints.txt
	$(INSTALL) --group $*
	@touch $@

demo: $(STAMP)/run
	$(BIN)/ionbridge demo --out ionbridge-demo

test: $(STAMP)/all $(STAMP)/group-test
	$(BIN)/python -m pytest -n auto -q -m "not slow and not gpu"

lint: $(STAMP)/group-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)/all $(STAMP)/group-lint
	$(BIN)/mypy

docs: $(STAMP)/all $(STAMP)/group-docs
	$(BIN)/python docs/generate.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(STAMP)/all $(STAMP)/group-bench
	@mkdir -p benchmarks/results
	set -e; for file in $(BENCHMARKS); do \
	  $(BIN)/python $$file --out benchmarks/results/$$(basename $$file .py).json; done

bench-smoke: $(STAMP)/all $(STAMP)/group-bench
	set -e; for file in $(BENCHMARKS); do $(BIN)/python $$file --smoke; done

clean:
	rm -rf $(VENV) site build dist ionbridge-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
