#!/usr/bin/env bash
# Installs the npm packages of the given folders if their lock file has changed since the last installation.
# Install scripts of packages are not run. No package in use needs one.
set -euo pipefail
cd "$(dirname "$0")/.."

for dir in "$@"; do
  if [ ! "$dir/node_modules/.package-lock.json" -nt "$dir/package-lock.json" ]; then
    (cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund)
    touch "$dir/node_modules/.package-lock.json"
  fi
done
