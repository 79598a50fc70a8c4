# Two commands a newcomer needs: `make demo` and `make test`. Both do all set-up on a machine with Python 3.11 and pip.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# what is imported is compiled once, also where Python is told to write nothing: else every process would compile torch
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(abspath .venv/pycache)
ifneq ($(wildcard ../shared/datasets),)
export GNNNEG_MIRROR ?= $(abspath ../shared/datasets)
endif

.PHONY: help setup demo gallery docs look test test-all check suite format bench gpu mutation fuzz fuzz-readers clean

help:
	@echo "make demo    set up, then three kinds of negatives on a made-up town: a table, answers, runs/demo/report.html"
	@echo "make test    set up, then lint, types and the tests (of the slow ones an eighteenth, another with each commit)"
	@echo "make test-all  the same with all of the slow ones"
	@echo "make gallery set up, then every method on the embedded world, side by side"
	@echo "make docs    set up, then build the site into docs/_build/html; a warning is an error"
	@echo "make look    open every page of the built site in Chromium: no errors, no request to another host"
	@echo "make bench   set up, then measure against the peers installed here"
	@echo "make gpu     on a machine with a GPU: check every kernel, measure against the peers, write runs/gpu/page.html"
	@echo "make mutation  count how many small changes to the code the tests notice (MUTATION='--count 60 --seed 1')"
	@echo "make fuzz    train every sampler with every generator, decoder and loss for two steps (FUZZ='--minutes 10')"
	@echo "make fuzz-readers  change files until a reader fails (FUZZ='--minutes 10 --only a.tsv')"
	@echo "make format  let ruff format the code"

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gnnneg needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	# what is never imported need not be compiled: half of the time
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup
	rm -rf runs/demo
	$(BIN)/gnnneg demo --out runs/demo

gallery: setup
	rm -rf runs/gallery
	for config in configs/synthetic/*.yaml; do \
		$(BIN)/gnnneg train $$config --out runs/gallery/$$(basename $$config .yaml) || exit $$?; \
	done
	$(BIN)/gnnneg compare runs/gallery/*
	$(BIN)/gnnneg report runs/gallery/* --out runs/gallery/report.html

docs: setup
	$(BIN)/sphinx-build -q -W --keep-going -j 2 -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

look: docs
	$(BIN)/python docs/making/look.py

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# lint and types beside the tests: they use one core
test: setup
	$(MAKE) --no-print-directory -j 2 check suite

test-all: setup
	GNNNEG_SLOW=1 $(MAKE) --no-print-directory test

suite: setup
	$(BIN)/pytest -n 2 --dist worksteal $(PYTEST)

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	$(BIN)/gnnneg bench

# PYTHON is the one that holds a CUDA build of torch: nothing is installed
gpu:
	$(PYTHON) benchmarks/gpu.py

# one thread and one change at a time, in a copy; interrupted, it goes on where it stopped
mutation: setup
	OMP_NUM_THREADS=1 $(BIN)/python tests/mutation.py $(MUTATION)

# one thread; interrupted, it goes on where it stopped
fuzz: setup
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz.py $(FUZZ)

# looks for files that a reader neither reads nor refuses in a sentence; goes on from what it found before
fuzz-readers: setup
	$(BIN)/python -m pip install --quiet -c constraints.txt atheris
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz_readers.py $(FUZZ)

clean:
	rm -rf .venv runs build dist docs/_build docs/generated .pytest_cache .mypy_cache .ruff_cache
