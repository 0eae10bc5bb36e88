# Every target is one command line; variables are given as in `make run REPLICAS=2 GATEWAY_PORT=8080`.

BIN := .venv/bin
SYNCED := .venv/.synced
PYTEST := $(BIN)/pytest -n 2
COMPOSE := docker compose
TEST_COMPOSE := GATEWAY_PORT=18000 docker compose --project-name customers-api-test \
	--file docker-compose.yml --file tests/compose/published.yml
TEST_COMPOSED := TEST_COMPOSE="env $(TEST_COMPOSE)" TEST_GATEWAY_URL=http://127.0.0.1:18000 \
	TEST_KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:19092
UV := $(shell command -v uv 2>/dev/null)
ifeq ($(UV),)
UV := .uv/bin/uv
UV_OF_OUR_OWN := $(UV)
endif

# Compiled once, not at each start of a service; an empty value undoes a setting that would prevent it.
export UV_COMPILE_BYTECODE := 1
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help sync up down test-compose run demo verify rebuild stop reset status logs check format test test-unit test-integration test-e2e bench bench-projections docs

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables of run, with their defaults: GATEWAY_PORT=8000 KAFKA_PORT=9092 POSTGRES_PORT=5433"
	@echo "  STATE_DIR=.local REPLICAS=1 METRICS_PORT=0 (none); KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL_<SERVICE> for"
	@echo "  servers of yours."
	@echo "  Other targets that speak to what runs (demo, stop, status, …) take the same ones."

sync: $(SYNCED) ## Install everything into .venv (done by the other targets when needed)

run: $(SYNCED) ## Start PostgreSQL, Kafka and all services; Ctrl-C stops them
	@$(BIN)/customers-api run

demo: $(SYNCED) ## Fill what runs with fifty customers and years of orders (SLOWLY=1: then go on ordering)
	@$(BIN)/customers-api demo $(if $(SLOWLY),--slowly)

verify: $(SYNCED) ## Compare every kept figure with what it is made from (one service: make verify SERVICE=credit)
	@$(BIN)/customers-api verify $(SERVICE)

rebuild: $(SYNCED) ## Repair what differs, while all serves (one customer: make rebuild CUSTOMER=cust_…)
	@$(BIN)/customers-api rebuild $(SERVICE) $(if $(CUSTOMER),--customer $(CUSTOMER))

stop: $(SYNCED) ## Stop what `make run` started, from another terminal
	@$(BIN)/customers-api stop

reset: $(SYNCED) ## Stop, and delete all local data
	@$(BIN)/customers-api reset

status: $(SYNCED) ## Show what runs, since when, and whether it is healthy
	@$(BIN)/customers-api status

logs: $(SYNCED) ## Show and follow the logs (one process: make logs NAME=customers-0)
	@$(BIN)/customers-api logs $(NAME)

up: ## Start everything in containers (docker compose) and wait until it is ready
	$(COMPOSE) up --build --wait
	@echo "The gateway serves at http://127.0.0.1:$(or $(GATEWAY_PORT),8000); \`docker compose logs --follow\` shows what it does."

down: ## Stop the containers; their data stays
	$(COMPOSE) down

check: $(SYNCED) ## Check format, lint, types, import rules and spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

format: $(SYNCED) ## Format the code and repair what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: $(SYNCED) ## Run all tests (real PostgreSQL and Kafka)
	$(PYTEST)

test-unit: $(SYNCED) ## Run the tests that need nothing
	$(BIN)/pytest tests/unit tests/contract

test-integration: $(SYNCED) ## Run the tests of one part against one real server
	$(PYTEST) tests/integration

test-e2e: $(SYNCED) ## Run the tests that speak HTTP only
	$(PYTEST) tests/e2e

docs: $(SYNCED) ## Write docs/openapi.json, docs/asyncapi.yaml and docs/messages.md out of the code
	$(BIN)/python -m ops.documents.writing

test-compose: $(SYNCED) ## Run the end-to-end tests on containers of their own, and kill each of them
	@trap '$(TEST_COMPOSE) down --volumes --timeout 5' EXIT; \
	$(TEST_COMPOSE) up --build --wait \
	&& $(TEST_COMPOSED) $(PYTEST) tests/e2e -m composed \
	&& $(TEST_COMPOSED) $(BIN)/pytest tests/compose

bench: $(SYNCED) ## Measure what a request costs, and how long one waits when a process is killed
	$(BIN)/python -m bench.shape
	$(BIN)/python -m bench.recovery

bench-projections: $(SYNCED) ## Measure how fast order events come into figures and facts (EVENTS=1000000)
	$(BIN)/python -m bench.projections $(if $(EVENTS),--events=$(EVENTS))

$(SYNCED): pyproject.toml uv.lock $(UV_OF_OUR_OWN)
	$(UV) sync --all-extras --locked
	@touch $@

# Only where uv is not installed: a copy of it for this project alone.
.uv/bin/uv:
	@command -v python3 >/dev/null \
		|| { echo "This needs Python 3.11 or later; there is no python3 in the PATH."; exit 1; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "This needs Python 3.11 or later; python3 is $$(python3 --version)."; exit 1; }
	@python3 -m venv .uv \
		|| { rm -rf .uv; echo "Python's venv module is missing (on Debian and Ubuntu: apt install python3-venv)."; exit 1; }
	.uv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.13,<0.14'
