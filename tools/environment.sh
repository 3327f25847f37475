#!/bin/sh
# Makes .venv what the lock files say. Usage: environment.sh run|dev
# Picks a Python, or the .venv there is; the rest is environment.py's.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONHOME PYTHONPATH

fail() {
    echo "$*" >&2
    exit 1
}

# The first Python that is new enough and can make environments; says why none is.
find_python() {
    bare=""
    for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3; do
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
        bare="$candidate"
    done
    [ -z "$bare" ] || fail "$bare lacks the modules venv and ensurepip (on Debian and Ubuntu: apt install $bare-venv)."
    fail "Pulse needs Python 3.11 or newer; none was found as python3.11, python3.12, python3.13 or python3." \
        "Install one, or name it: make PYTHON=/path/to/python"
}

if [ -e .venv/.incomplete ] || ! .venv/bin/python -c '' 2>/dev/null; then
    rm -rf .venv
    python=$(find_python)
    echo "Making .venv with $("$python" --version) (once, about a minute)"
    mkdir .venv
    : >.venv/.incomplete
    "$python" -m venv .venv
fi
exec .venv/bin/python -I tools/environment.py "$1"
