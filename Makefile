# Paths here are relative, so that the checkout may lie anywhere, behind a space too.
.DEFAULT_GOAL := help
.PHONY: help up status test chaos bench load check-ghz check-jaeger check-kubernetes lint image-test sbom audit proto helm lock clean-data environment environment-dev

PYTEST_ARGS ?=
CHAOS_ARGS ?=
BENCH_ARGS ?=
LOAD_ARGS ?=
IMAGE_ARGS ?=
KUBERNETES_ARGS ?=
AUDIT_ARGS ?=

help: ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

up: environment ## start Pulse on this machine, until Ctrl-C
	@exec .venv/bin/python -m services up

status: environment ## tell how a local run is doing
	@exec .venv/bin/python -m services status

# Two at a time, but for those that measure one tenant beside another: these have the machine for themselves.
test: environment-dev ## run all tests (PYTEST_ARGS="tests/unit -x": some of them)
ifeq ($(PYTEST_ARGS),)
	@.venv/bin/python -m pytest --numprocesses 2 --dist loadfile --ignore tests/isolation
	@.venv/bin/python -m pytest tests/isolation
else
	@.venv/bin/python -m pytest $(PYTEST_ARGS)
endif

chaos: environment-dev ## prove by faults that nothing is lost (CHAOS_ARGS="--seeds 5" for all of it)
	.venv/bin/python -m proof.chaos $(CHAOS_ARGS)

# Both layers: one row times `make up`, which then has nothing to install.
bench: environment environment-dev ## measure speed, cost and memory (BENCH_ARGS=--short: only that it all works)
	@.venv/bin/python -m proof.bench $(BENCH_ARGS)

load: environment-dev ## put a load on a suite (LOAD_ARGS="--scenario grpc --address 127.0.0.1:50051 --users 50")
	@.venv/bin/python -m proof.load $(LOAD_ARGS)

check-ghz: environment-dev ## compare our load's report with the real ghz's (needs Go)
	@.venv/bin/python -m proof.load.check_ghz

check-jaeger: environment-dev ## find a notification's trace in the real Jaeger (needs Go)
	@.venv/bin/python -m tests.e2e.check_jaeger

check-kubernetes: environment-dev ## try the manifests on a real Kubernetes (needs Go and root: docs/kubernetes.md)
	@.venv/bin/python -m proof.kubernetes $(KUBERNETES_ARGS)

lint: environment-dev ## check style, types and imports
	@bash tools/lint.sh

image-test: environment-dev ## build the image and run it by podman (docs/compose.md: BASE_IMAGE=, IMAGE_ARGS=)
	@.venv/bin/python -m proof.image $(if $(BASE_IMAGE),--base-image "$(BASE_IMAGE)") $(IMAGE_ARGS)

sbom: environment-dev ## write the image's bill of materials, build/sbom.json
	@sh tools/sbom.sh

audit: environment-dev ## look for known vulnerabilities of the locked packages (AUDIT_ARGS="--vulnerability-service osv")
	@sh tools/audit.sh $(AUDIT_ARGS)

proto: environment-dev ## generate proto/gen from proto/pulse
	.venv/bin/python tools/proto.py
	.venv/bin/python tools/openapi.py

helm: environment-dev ## make the Helm chart from deploy/k8s (needs kustomize or kubectl)
	@.venv/bin/python tools/helm_chart.py

lock: ## resolve the dependencies anew (needs uv)
	@sh tools/lock.sh

clean-data: environment ## forget everything a local run has stored
	@.venv/bin/python -m services clean-data --yes

# Both look at the content of the lock files, not at their age, and are silent when there is nothing to do.
environment:
	@sh tools/environment.sh run

environment-dev:
	@sh tools/environment.sh dev
