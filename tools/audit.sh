#!/bin/sh
# Asks for known vulnerabilities of every locked package. Usage: tools/audit.sh [OPTION of pip-audit ...]
# Strict, so that a package about which nobody could be asked does not pass for a sound one.
# Ends with 0: none is known; 1: a package is vulnerable, or a few could not be looked up; 3: there are no advisories to
# be had here, so nothing was looked up.
set -eu
cd "$(dirname "$0")/.."
lock=requirements/dev.txt
report=$(mktemp)
trap 'rm -f "$report"' EXIT

audit() {
    .venv/bin/python -m pip_audit --require-hashes --disable-pip --progress-spinner off --requirement "$lock" "$@"
}

if audit --strict "$@"; then
    exit 0
fi
# Not strict, it goes on after a package that could not be looked up, and reports each.
audit --format json --output "$report" "$@" 2>/dev/null && :
if .venv/bin/python - "$report" <<'PYTHON'
import json, sys
try:
    packages = json.load(open(sys.argv[1]))["dependencies"]
except ValueError:  # it could not even begin
    sys.exit(1)
sys.exit(not packages or any("skip_reason" not in package for package in packages))
PYTHON
then
    echo "NOT AUDITED: none of the $(grep -c '^[a-z0-9]' "$lock") locked packages could be looked up." >&2
    echo "Advisories come from the package index itself, which its mirrors do not replace. Of others there is OSV:" >&2
    echo '  make audit AUDIT_ARGS="--vulnerability-service osv"' >&2
    exit 3
fi
echo "FAILED: a package is vulnerable, or could not be looked up: the lines above say which." >&2
exit 1
