# What there is to do, in one place. `make` lists it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
EXAMPLE := examples/radial_velocity

.PHONY: help fit test lint format types docs-figures clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(BIN)/ruff: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@

fit: $(BIN)/ruff  ## the radial velocity example, into results/
	$(BIN)/bibun fit $(EXAMPLE)/model.py $(EXAMPLE)/k2-24.csv --out results/

test: $(BIN)/ruff  ## all tests
	$(BIN)/pytest -n 2

lint: $(BIN)/ruff  ## ruff
	$(BIN)/ruff check .

format: $(BIN)/ruff  ## what ruff mends by itself
	$(BIN)/ruff check --fix .

types: $(BIN)/ruff  ## pyright on the public surface
	$(BIN)/pyright

docs-figures: $(BIN)/ruff  ## the pictures of the README, from the example
	$(BIN)/bibun fit $(EXAMPLE)/model.py $(EXAMPLE)/k2-24.csv --out results/
	$(BIN)/python $(EXAMPLE)/figure.py results/posterior.nc docs/img/k2-24.png

clean:  ## caches and results
	rm -rf results build dist .pytest_cache .ruff_cache .hypothesis
