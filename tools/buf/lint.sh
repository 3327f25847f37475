#!/bin/sh
# buf lint over the image that protoc makes, which has the imports in it; buf comes from npm, locked.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p build/buf
cp tools/buf/package.json tools/buf/package-lock.json build/buf/
(cd build/buf && npm install --ignore-scripts --no-audit --no-fund --loglevel=error)
.venv/bin/python tools/proto.py --image build/buf/image.binpb
build/buf/node_modules/.bin/buf lint build/buf/image.binpb --config proto/buf.yaml
echo "buf lint: clean"
