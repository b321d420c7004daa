# Thin: it makes a virtual environment and calls manage.py and the test tools.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test check soak bench-record lock stop clean install install-dev

# The engine's sums must not depend on how many threads a library picks; processes are our threads.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(wildcard clearing accounts margin liquidation config manage.py)

# Named after what the lock files hold: after a change, and only then, it is installed again.
LOCKED := $(VENV)/.installed-$(shell cksum < requirements.lock | cut -d' ' -f1)
LOCKED_DEV := $(VENV)/.installed-dev-$(shell cat requirements.lock requirements-dev.lock | cksum | cut -d' ' -f1)

help: ## show this
	@echo "make <target>; the data lies in var/ and stays until you remove it"
	@sed -nE 's/^([a-z-]+):.*## /\1|/p' $(firstword $(MAKEFILE_LIST)) | while IFS='|' read -r name what; do \
	  printf '  %-12s %s\n' "$$name" "$$what"; done

demo: $(LOCKED) ## run the whole house here; DATA=folder for your own data, ONCE=1 to leave at the end
	$(BIN)/python manage.py demo $(if $(DATA),--data "$(DATA)") $(if $(ONCE),--once)

# Every process has servers of its own, so they share none of yours.
PARALLEL := $(if $(DATABASE_URL)$(BROKER_URL),,--numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder)

test: $(LOCKED_DEV) ## check, then every test
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest $(PARALLEL)

check: $(LOCKED_DEV) ## format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports

soak: export SURETY_SEED := $(or $(SURETY_SEED),$(shell od -An -N3 -tu4 /dev/urandom | tr -d ' '))
soak: $(LOCKED_DEV) ## the long versions of the sampled tests; SURETY_SEED=number repeats a run, printed first
	@echo "SURETY_SEED=$(SURETY_SEED) repeats this run"
	$(BIN)/python -m pytest -m soak

bench-record: $(LOCKED_DEV) ## the record's speed beside its peers, in one table
	$(BIN)/python -m tests.benchmarks.record

stop: ## stop the embedded PostgreSQL and Valkey
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m config.embedded stop; else echo "nothing was running"; fi

lock: ## resolve the lock files again (a maintainer's task; needs uv)
	@uv=$$(PATH="$(BIN):$$PATH" command -v uv) || { echo "uv is missing: pip install uv"; exit 1; }; \
	resolve="$$uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11"; \
	$$resolve pyproject.toml -o requirements.lock > /dev/null && \
	$$resolve pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock > /dev/null

clean: stop ## remove the virtual environment and caches; var/ is kept
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install: $(LOCKED)
install-dev: $(LOCKED_DEV)

$(LOCKED): | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@rm -f $(VENV)/.installed-*
	@touch $@

$(LOCKED_DEV): $(LOCKED)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@rm -f $(VENV)/.installed-dev-*
	@touch $@

# Asked by running each: a name on PATH may be a shim for a Python that is not there.
$(BIN)/pip:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && break; python=; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Python 3.11 or newer is missing: apt-get install -y python3 python3-venv"; exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2> /dev/null; then \
	  echo "python3-venv is missing: apt-get install -y python3-venv"; exit 1; \
	fi; \
	echo "making $(VENV) with $$($$python --version)"; "$$python" -m venv $(VENV)
