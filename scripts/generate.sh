#!/usr/bin/env bash
# Regenerates everything that is generated and committed: Go code from templ, and the front end's build.
set -euo pipefail
cd "$(dirname "$0")/.."

go tool templ generate -include-version=false -path web/templates
scripts/npm-ci.sh web/app
go run ./cmd/meet build-frontend --out web/static
