#!/bin/sh
# Asks for known vulnerabilities of every locked package. Usage: tools/audit.sh [OPTION of pip-audit ...]
# Strict, so that a package about which nobody could be asked does not pass for a sound one.
set -eu
cd "$(dirname "$0")/.."
if ! .venv/bin/python -m pip_audit --strict --require-hashes --disable-pip --no-deps --progress-spinner off \
    --requirement requirements/dev.txt "$@"; then
    echo "FAILED: a package is vulnerable, or could not be looked up: the lines above say which." >&2
    echo "Advisories come from the package index itself, which its mirrors do not replace. Of others there is OSV:" >&2
    echo '  make audit AUDIT_ARGS="--vulnerability-service osv"' >&2
    exit 1
fi
