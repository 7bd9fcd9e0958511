#!/usr/bin/env bash
# Installs the npm packages of the given folders, those whose lock file has changed since the last time.
set -euo pipefail
cd "$(dirname "$0")/.."

for dir in "$@"; do
  if [ ! "$dir/node_modules/.package-lock.json" -nt "$dir/package-lock.json" ]; then
    (cd "$dir" && npm ci --no-audit --no-fund)
    touch "$dir/node_modules/.package-lock.json"
  fi
done
