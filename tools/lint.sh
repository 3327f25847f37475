#!/usr/bin/env bash
# Everything about Pulse that can be checked without running it. Usage: tools/lint.sh
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; "$@"; }

step .venv/bin/python -m ruff check .
step .venv/bin/python -m ruff format --check .
step .venv/bin/python -m mypy
step .venv/bin/lint-imports --no-logo 2>&1
step sh tools/buf/lint.sh
