# Each target does its own set-up, once, in .venv: a fresh clone, Python and make are enough.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test nightly mutation coverage lint format bench soak overload fuzz docs dist clean

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

# Only what is installed in .venv counts.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.ready  ## Watch a fan-out be killed half-way and finish all the same
	@$(BIN)/actorflow demo

test: $(VENV)/.ready-test  ## Run the tests, the README and the docs (ARGS="-k retry" for some)
	@$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile $(ARGS)

nightly: $(VENV)/.ready-test  ## Hunt long: random programs, changed bytes, crash points, kills (PROGRAMS=1000)
	@$(BIN)/python -m tests.nightly --programs $(or $(PROGRAMS),10000) $(ARGS)

mutation: $(VENV)/.ready-test  ## Change lines of the model and the log, and see which no test notices (SHARE=0.1 for some)
	@$(BIN)/python -m tests.mutants --share $(or $(SHARE),1) $(ARGS)

coverage: $(VENV)/.ready-test  ## Run the tests and show the lines that none has reached
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest $(ARGS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

lint: $(VENV)/.ready-lint  ## Check format, style, types and the direction of imports
	@failed=0; \
	$(BIN)/ruff format --check . || failed=1; \
	$(BIN)/ruff check . || failed=1; \
	$(BIN)/mypy || failed=1; \
	$(BIN)/lint-imports --no-logo || failed=1; \
	exit $$failed

format: $(VENV)/.ready-lint  ## Format the code, and mend what can be mended
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: $(VENV)/.ready-bench  ## Measure, peers too (ONLY=actors for bench_actors alone)
	@$(BIN)/python -m benchmarks --out build/bench $(ONLY) $(ARGS)

soak: $(VENV)/.ready-soak  ## Kill hosts of a mixed load at random, and check every promise (MINUTES=5)
	@nice $(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),5) --report build/soak $(ARGS)

overload: $(VENV)/.ready-test  ## Start, queue and post more than there are hands for (COUNT=100000)
	@$(BIN)/python -m tests.overload --count $(or $(COUNT),100000) $(ARGS)

fuzz: $(VENV)/.ready-fuzz  ## Look for data that does harm, for as long as you like (MINUTES=5)
	@nice $(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),5) $(ARGS)

docs: $(VENV)/.ready-docs  ## Build the documentation into build/docs
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs build/docs
	@echo "open build/docs/index.html"

dist: $(VENV)/.ready-test  ## Build the wheel and the source archive into dist
	@$(BIN)/python -m hatchling build

clean:  ## Remove everything that make has made, .venv included
	rm -rf $(VENV) __pycache__ build dist htmlcov .coverage .coverage.* .hypothesis
	rm -rf .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find actorflow benchmarks docs tests -name __pycache__ -type d -prune -exec rm -rf {} +


# A python on PATH may be too old, a shim that does not run, or one without venv.
$(VENV)/.created:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Creating $(VENV) with $$($$python --version)"; \
	    $$python -m venv --clear $(VENV) && exit 0; \
	  fi; \
	done; \
	echo "actorflow needs Python 3.11 or newer, with venv, and found none on PATH." >&2; \
	echo "Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; \
	exit 1
	@$(PIP) install --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.ready: pyproject.toml $(VENV)/.created
	@echo "Installing actorflow"
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.ready-%: pyproject.toml $(VENV)/.created
	@echo "Installing actorflow and what '$*' needs"
	@$(PIP) install --editable . --group $*
	@touch $@
