#!/usr/bin/env bash
# Regenerates the generated files in the repository: the Go code of templates, and the build of the front end.
set -euo pipefail
cd "$(dirname "$0")/.."

go tool templ generate -include-version=false -path web/templates
scripts/npm-ci.sh web/app
go run ./cmd/meet build-frontend --out web/static
