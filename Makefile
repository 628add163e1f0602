# Two commands: `make demo` shows the whole way, `make test` proves it. Both need Python 3.11 or newer and make.
# Both install the exact packages of constraints.txt; `make test LATEST=1` takes the newest that pyproject.toml allows.

PYTHON ?= python3
LATEST ?=
VENV := $(if $(LATEST),.venv-latest,.venv)
BIN := $(VENV)/bin
DEMO := demo-run
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	$(if $(LATEST),--upgrade --upgrade-strategy eager,--constraint constraints.txt)

.PHONY: demo test slow bench lock clean newest
.DEFAULT_GOAL := demo

# Installs again only when the project's dependencies may have changed; with LATEST each time.
$(VENV)/.installed: pyproject.toml constraints.txt $(if $(LATEST),newest)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "gradspec needs Python 3.11 or newer; try: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) hatchling editables
	$(INSTALL) --no-build-isolation --editable '.[dev]'
	@touch $@

demo: $(VENV)/.installed
	@rm -rf $(DEMO)
	@$(BIN)/gradspec demo --out $(DEMO)

test: $(VENV)/.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest -m "not slow" --numprocesses auto --maxprocesses 4 --dist worksteal

# Trains the shipped specs and holds them beside their baselines: some twenty minutes more.
slow: $(VENV)/.installed
	$(BIN)/pytest -m slow

bench: $(VENV)/.installed
	@for file in bench/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

# Writes constraints.txt anew: the newest releases that work together, for every Python and platform we support.
lock:
	@test -x .venv-lock/bin/uv || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/python -m pip install --quiet uv; }
	.venv-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev --no-annotate \
		--custom-compile-command 'make lock' --output-file constraints.txt pyproject.toml

clean:
	rm -rf .venv .venv-latest .venv-lock $(DEMO) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
