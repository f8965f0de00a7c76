# make demo    the main job on real digits: a table, a result file, a figure (sets everything up first)
# make test    the test suite (sets everything up first)
# make check   what CI runs after the tests: lint, types, floors, wheel, verify
# make bench   kernels and models against their NumPy twins, side by side
PYTHON ?= python3
BIN := .venv/bin

ifndef SDRSIM_DATA
ifneq ($(wildcard ../shared/data),)
export SDRSIM_DATA := $(abspath ../shared/data)
endif
endif

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

.venv/.run: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	touch $@

.venv/.test: .venv/.run
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test,dev,interop]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
