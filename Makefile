# make demo    the main job on real digits: a table, a result file, a figure (sets everything up first)
# make test    the test suite (sets everything up first)
# make check   what CI runs after the tests: lint, types, floors, wheel, verify
# make bench   kernels and models against their NumPy twins, side by side
# make long    the tests that take minutes, too
# make reproducing    all studies in full (minutes to an hour), judged in REPRODUCING.md
# make clean   forget the environment and everything built
#
# Set-up is two stamps inside .venv, each touched only when all before it succeeded: what was cut short is done again,
# what is done costs nothing. `make PYTHON=python3.12 demo` chooses the interpreter.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check

ifndef SDRSIM_DATA
ifneq ($(wildcard ../shared/data),)
export SDRSIM_DATA := $(CURDIR)/../shared/data
endif
endif

# Goals of one call share an environment that pip may be writing to: one after another, also under -j.
.NOTPARALLEL:
.PHONY: demo test long check lint types floors wheel verify bench reproducing clean

demo: .venv/.run
	$(BIN)/sdrsim demo

test: .venv/.test
	$(BIN)/python -m pytest -m "not long"

long: .venv/.test
	$(BIN)/python -m pytest

check: lint types floors wheel verify

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.test
	$(BIN)/mypy

floors: .venv/.test
	$(BIN)/lint-imports

wheel: .venv/.test
	$(BIN)/python tests/wheel_check.py

verify: .venv/.run
	$(BIN)/sdrsim verify --quick

bench: .venv/.run
	$(BIN)/python -m benchmarks

reproducing: .venv/.run
	$(BIN)/sdrsim verify --write REPRODUCING.md

.venv/.run: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"sdrsim needs Python 3.11 or later, \
	$(PYTHON) is {sys.version.split()[0]}: make PYTHON=python3.11 ...")'
	@echo "setting up .venv: a minute or two, once"
	$(PYTHON) -m venv .venv
	$(PIP) -e .
	@touch $@

.venv/.test: .venv/.run
	$(PIP) -e '.[test,dev,interop]'
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find sdrsim models hardware studies tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
