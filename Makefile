# Paths here are relative, so that the checkout may lie anywhere, behind a space too.
.DEFAULT_GOAL := help
.PHONY: help up status test chaos lint proto lock clean-data environment environment-dev

PYTEST_ARGS ?=
CHAOS_ARGS ?=

help: ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

up: environment ## start Pulse on this machine, until Ctrl-C
	@exec .venv/bin/python -m services up

status: environment ## tell how a local run is doing
	@exec .venv/bin/python -m services status

test: environment-dev ## run all tests
	@.venv/bin/python -m pytest $(PYTEST_ARGS)

chaos: environment-dev ## prove by faults that nothing is lost (CHAOS_ARGS="--seeds 5" for all of it)
	.venv/bin/python -m tests.chaos $(CHAOS_ARGS)

lint: environment-dev ## check style, types and imports
	@bash tools/lint.sh

proto: environment-dev ## generate proto/gen from proto/pulse
	.venv/bin/python tools/proto.py
	.venv/bin/python tools/openapi.py

lock: ## resolve the dependencies anew (needs uv)
	@sh tools/lock.sh

clean-data: environment ## forget everything a local run has stored
	@.venv/bin/python -m services clean-data --yes

# Both look at the content of the lock files, not at their age, and are silent when there is nothing to do.
environment:
	@sh tools/environment.sh run

environment-dev:
	@sh tools/environment.sh dev
