# `make demo` shows it, `make test` proves it. Every target sets up .venv by itself.

PYTHON ?= python3
AGENT ?= mock
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Bytecode is kept between runs also where the environment says no: each process of `make test` would compile all tests.
export PYTHONDONTWRITEBYTECODE :=

.DELETE_ON_ERROR:
.PHONY: help setup demo test test-agents test-proxies agents agents-newest fuzz-api kill-test soak lint format bench docs openapi clean

help:
	@echo "make demo [AGENT=claude]  run a session and show its transcript"
	@echo "make test                 unit and integration tests (PYTEST_ARGS=... is passed on; TEST_PROCESSES=4)"
	@echo "make test-agents          the real agent CLIs against a scripted model server"
	@echo "make agents-newest        the same stories with what npm has now; prints what differs (NEWEST_TESTS=tests/agents)"
	@echo "make test-proxies         the recipes of docs/proxies.md with a real nginx and Caddy"
	@echo "make kill-test            kill -9 at random moments and at named places, and readers that come and go (SANDBOX_AGENT_KILLS=200)"
	@echo "make soak                 an hour of everything at once; what the daemon uses must stay flat (SOAK_SECONDS=3600)"
	@echo "make fuzz-api             everything that the OpenAPI document allows and forbids (FUZZ_SECONDS=600 FUZZ_SEED=1)"
	@echo "make lint                 ruff, pyright, import-linter"
	@echo "make bench                throughput and latency, against a raw trio limit and without the journal"
	@echo "make bench-NAME           startup, long_session, stuck, idle or creation"
	@echo "make docs                 refresh the generated documents"
	@echo "make clean                remove everything that make made"

setup: $(VENV)/installed

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "sandbox-agent needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/created pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt setuptools
	$(PIP) install -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

demo: setup
	@$(BIN)/sandbox-agent demo --agent $(AGENT)

# More processes than processors: most tests wait for a daemon or an agent.
TEST_PROCESSES ?= 4

test: setup
	$(BIN)/python -m pytest -m "not agents and not soak and not proxies" -n $(TEST_PROCESSES) --dist worksteal $(PYTEST_ARGS)

# The pinned agents go into .cache/agents; what is there already is kept.
agents: setup
	$(BIN)/python -m tests.agents.install

test-agents: agents
	$(BIN)/python -m pytest -m agents $(PYTEST_ARGS)

# What npm has at this moment goes into a cache of its own. A failing test is a vendor's change.
agents-newest: setup
	$(BIN)/python -m tests.agents.newest $(NEWEST_TESTS)

# nginx and caddy come from the system's packages; without them these tests fail.
test-proxies: setup
	$(BIN)/python -m pytest -m proxies tests/proxies $(PYTEST_ARGS)

# Schemathesis and what it needs are the tests' alone, and have an environment of their own.
FUZZ := .cache/fuzz
FUZZ_SECONDS ?= 600
FUZZ_SEED ?=

$(FUZZ)/installed: tests/fuzz/requirements.txt
	$(PYTHON) -m venv --clear $(FUZZ)
	$(FUZZ)/bin/python -m pip --disable-pip-version-check --quiet install -r tests/fuzz/requirements.txt
	@touch $@

fuzz-api: setup $(FUZZ)/installed
	$(BIN)/python -m tests.fuzz $(FUZZ)/bin/schemathesis $(FUZZ_SECONDS) $(FUZZ_SEED)

KILLS := $(or $(SANDBOX_AGENT_KILLS),200)

kill-test: setup
	SANDBOX_AGENT_KILLS=$(KILLS) SANDBOX_AGENT_RECONNECTS=5000 \
	  $(BIN)/python -m pytest -rP tests/proof/test_kill.py tests/proof/test_readers.py $(PYTEST_ARGS)

SOAK_SECONDS ?= 3600

# With -s: an hour in silence is a long time.
soak: setup
	SANDBOX_AGENT_SOAK_SECONDS=$(SOAK_SECONDS) $(BIN)/python -m pytest -s -m soak tests/proof/soak $(PYTEST_ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.journal

# What else is promised and measured; each says PASS or FAIL.
bench-startup bench-long_session bench-stuck bench-idle bench-creation: bench-%: setup
	$(BIN)/python -m benchmarks.$*

openapi: setup
	$(BIN)/python -m sandbox_agent.transport.api.openapi > docs/openapi.json.new
	@mv docs/openapi.json.new docs/openapi.json

docs: openapi
	$(BIN)/python -m sandbox_agent.cli.server.settings_doc > docs/settings.md.new
	@mv docs/settings.md.new docs/settings.md

clean:
	rm -rf $(VENV) build dist *.egg-info .cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find schema actors transport cli sdk tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
