# What there is to do, in one place. `make` lists it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
EXAMPLE := examples/radial_velocity

.PHONY: help fit gallery docs test lint format types stubs bench docs-figures docs-outputs clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(BIN)/ruff: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@

fit: $(BIN)/ruff  ## the radial velocity example, into results/
	$(BIN)/bibun fit $(EXAMPLE)/model.py $(EXAMPLE)/k2-24.csv --out results/

gallery: $(BIN)/ruff  ## all figures of the worked examples, into site/index.html
	$(BIN)/bibun gallery --out site/

docs: $(BIN)/ruff  ## the documentation, into site/docs/; a warning is an error
	$(BIN)/bibun gallery --out docs/gallery
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

test: $(BIN)/ruff  ## all tests
	$(BIN)/pytest -n 2

lint: $(BIN)/ruff  ## ruff
	$(BIN)/ruff check .

format: $(BIN)/ruff  ## what ruff mends by itself
	$(BIN)/ruff check --fix .

types: $(BIN)/ruff  ## pyright on the public surface
	$(BIN)/pyright --pythonpath $(BIN)/python

stubs: $(BIN)/ruff  ## what editors see of the functions that are made from tables
	$(BIN)/python tests/typing/make_stubs.py

# the peers have a virtual environment of their own, unless BIBUN_BENCH_PEER names an interpreter
PEERS := .venv-peers
BIBUN_BENCH_PEER ?= $(PEERS)/bin/python
BENCH ?=

$(PEERS)/bin/python: pyproject.toml
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet '.[peers]'
	@touch $@

bench: $(BIN)/ruff $(BIBUN_BENCH_PEER)  ## against the peers, all of it: about half an hour; BENCH='--quick --only kepler'
	$(BIN)/python -m benchmarks --peer-python $(BIBUN_BENCH_PEER) $(BENCH)

docs-figures: $(BIN)/ruff  ## the pictures of the README, from the example
	$(BIN)/bibun fit $(EXAMPLE)/model.py $(EXAMPLE)/k2-24.csv --out results/
	$(BIN)/python $(EXAMPLE)/figure.py results/posterior.nc docs/img/k2-24.png

docs-outputs: $(BIN)/ruff  ## what the pages' code prints, into the pages
	$(BIN)/python docs/outputs.py

clean:  ## caches and results
	rm -rf results site docs/gallery build dist .pytest_cache .ruff_cache .hypothesis
