# The verbs of the project. `make` alone lists them.
BIN := .venv/bin
export PYTHONSAFEPATH = 1

.PHONY: help run test lint bench bench-peers docs lock clean

help: ## list these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.ready ## start the service and the cockpit: http://127.0.0.1:8000 (another port: make run PORT=9000)
	@exec $(BIN)/lifang run

test: .venv/.ready-dev ## run all tests; installs the Debian packages they use when it may
	@.ci/packages
	@exec $(BIN)/pytest

lint: .venv/.ready-dev ## check format, style, types and the direction of imports
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.ready-dev ## measure; prints the machine's load first, for a figure without it means little
	@echo "$$(getconf _NPROCESSORS_ONLN) cores; $$(uptime)"
	@set -e; for bench in tests/benchmarks/*.py; do echo "== $$bench"; $(BIN)/python $$bench; done

bench-peers: .venv/.ready-dev ## measure beside tipg and pygeoapi, set up in .lifang/peers (needs wrk); about 15 minutes
	@echo "$$(getconf _NPROCESSORS_ONLN) cores; $$(uptime)"
	@$(BIN)/python tests/benchmarks/peers/compare.py

docs: .venv/.ready-dev ## build the documentation into site/, readable offline
	$(BIN)/python .ci/error_codes.py > docs/errors.md
	$(BIN)/mkdocs build --strict --config-file .ci/mkdocs.yml

COMPILE = UV_SYSTEM_CERTS=1 $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock: .venv/.ready-dev ## pin what pyproject.toml asks for, with hashes; pins that still fit are kept
	$(COMPILE) pyproject.toml --output-file .ci/requirements.txt
	$(COMPILE) pyproject.toml --extra dev --constraint .ci/requirements.txt --output-file .ci/requirements-dev.txt
	printf 'editables\nhatchling\nuv\n' | $(COMPILE) - --constraint .ci/requirements-dev.txt --output-file .ci/bootstrap.txt

clean: ## remove everything that can be made again; the twin's data in .lifang/ stays
	rm -rf .venv site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready: .ci/requirements.txt .ci/bootstrap.txt pyproject.toml
	@.ci/setup requirements.txt
	@touch $@

.venv/.ready-dev: .venv/.ready .ci/requirements-dev.txt
	@.ci/setup requirements-dev.txt
	@touch $@
