#!/usr/bin/env bash
# Takes the screenshots in docs/screenshots. It builds and starts a server with temporary data, lets browsers hold a call on
# it, and stops and removes all of them at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install-tools.sh
scripts/npm-ci.sh test/browser
node test/browser/screenshots.js
