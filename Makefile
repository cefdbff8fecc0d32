# `make run` and `make test` do all the set-up: they need Python 3.11 (or newer), make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One BLAS thread: the engine's matrices are tiny, and results must not depend on the number of cores.
export OPENBLAS_NUM_THREADS = 1

.PHONY: run test test-slow test-processes test-compat lint format bench bench-processes validate docs wheel clean

$(VENV)/.installed-run: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,dev,docs]'
	touch $@ $(VENV)/.installed-run

run: $(VENV)/.installed-run  ## the main job: teleportation, 1000 shots, two noisy nodes
	$(BIN)/qnos run teleport --network two_generic --shots 1000

test: $(VENV)/.installed-dev  ## every test but the slow ones
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: $(VENV)/.installed-dev  ## long soak runs
	$(BIN)/python -m pytest -m slow

test-processes: $(VENV)/.installed-dev  ## every application, many seeds, with processes and in-process
	$(BIN)/python -m pytest tests/processes

# Releases of the NetQASM SDK that compat programs are tested with, the last of them with the oldest NumPy too.
COMPAT := netqasm-2.0.2_numpy-2 netqasm-2.1.1_numpy-2 netqasm-2.2.0_numpy-2 netqasm-2.3.0_numpy-2 netqasm-2.3.0_numpy-1.26

build/compat/%/.installed: pyproject.toml
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check pytest pytest-xdist hypothesis psutil \
		$(subst -,==,$(word 1,$(subst _, ,$*))) "$(subst -,==,$(word 2,$(subst _, ,$*))).*" -e '.[netqasm]'
	touch $@

test-compat: $(COMPAT:%=build/compat/%/.installed)  ## compat programs with every release of the SDK
	set -e; for each in $(COMPAT); do echo "$$each"; build/compat/$$each/bin/python -m pytest tests/compat; done

lint: $(VENV)/.installed-dev  ## ruff and mypy strict
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev  ## figures of the design, as tables
	$(BIN)/python -m benchmarks.all

bench-processes: $(VENV)/.installed-dev  ## figures of the runner with processes
	$(BIN)/python -m benchmarks.processes

validate: $(VENV)/.installed-dev  ## published results beside ours, as tables
	$(BIN)/python -m validation

docs: $(VENV)/.installed-dev  ## the documentation site, into build/site
	$(BIN)/python -m qnos.schema_docs
	$(BIN)/python docs/tools/reference_pages.py
	$(BIN)/mkdocs build --strict

wheel: $(VENV)/.installed-dev
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
