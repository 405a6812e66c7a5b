# Three commands: `make demo`, `make app` and `make test`. They need Python 3.10 or newer and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Where it is set, each of the tests' many processes compiles what it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo app test lint clean

demo: $(VENV)/installed
	$(BIN)/gagavatar demo --out output

app: $(VENV)/with-app
	$(BIN)/gagavatar app

test: $(VENV)/tested
	$(BIN)/python -m pytest tests --numprocesses 2 --dist loadfile

lint: $(VENV)/tested
	$(BIN)/python -m ruff check . && $(BIN)/python -m ruff format --check . && $(BIN)/python -m mypy

clean:
	rm -rf $(VENV) build dist output *.egg-info

$(BIN)/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'Python 3.10 or newer is needed: make PYTHON=...')"
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(BIN)/python
	$(PIP) --editable .
	touch $@

$(VENV)/with-app: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable ".[app]" --constraint constraints.txt
	touch $@ $(VENV)/installed

# PyTorch serves the published network and the reference rasterizer that tests compare with; the demo does without it.
$(VENV)/tested: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable ".[dev]" --constraint constraints.txt
	touch $@ $(VENV)/installed
