#!/bin/sh
# Writes build/sbom.json: the locked packages that the image holds besides its base, as CycloneDX.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build
# Ignored: a warning that packages do not say who needs them, which a lock file does not know.
.venv/bin/python -W ignore::UserWarning -m cyclonedx_py requirements requirements/services.txt \
    --pyproject pyproject.toml --output-format JSON --output-reproducible --output-file build/sbom.json
echo "build/sbom.json"
