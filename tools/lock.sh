#!/bin/sh
# Resolves the dependencies of pyproject.toml for all systems into requirements/, with hashes and without any
# index's address. The build backend is locked along, since the package is installed without build isolation.
set -eu
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }

resolve() {
    output="$1"
    shift
    echo "hatchling>=1.33" | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-annotate --custom-compile-command "make lock" "$@" pyproject.toml - \
        --output-file "requirements/$output"
}

resolve run.txt --extra local
resolve dev.txt --extra local --extra dev --constraint requirements/run.txt
