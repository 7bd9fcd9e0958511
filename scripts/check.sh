#!/usr/bin/env bash
# Checks everything, as CI does: format, vet, staticcheck, generated files, types, lint, dead code and every test.
# --fast leaves out the checks that take minutes; .githooks/pre-commit calls it.
set -euo pipefail
cd "$(dirname "$0")/.."

fast=false
case "${1:-}" in
  "") ;;
  --fast) fast=true ;;
  *) echo "usage: scripts/check.sh [--fast]" >&2; exit 2 ;;
esac

step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }
fail() { printf '%s\n' "$@" >&2; exit 1; }

# Prints a checksum of every generated file. Comparing it before and after works also when there are uncommitted changes.
generated_sums() { find web/templates web/static -type f \( -name '*_templ.go' -o -path 'web/static/*' \) | sort | xargs sha256sum; }
hand_written_go() {
  git ls-files -co --exclude-standard '*.go' | while read -r f; do
    case "$f" in *_templ.go) ;; *) [ ! -f "$f" ] || echo "$f" ;; esac
  done
}

$fast || { step "tools"; scripts/install-tools.sh; }

step "gofumpt"
unformatted=$(hand_written_go | xargs go tool gofumpt -l)
[ -z "$unformatted" ] || fail "not formatted; run: go tool gofumpt -w ." "$unformatted"

step "go vet, staticcheck"
go vet ./...
go tool staticcheck ./...
(cd test/gosdk && go vet ./... && go vet -modfile=v2.16.mod -tags=gosdk_2_16 .)

if ! $fast; then
  step "generated files are current"
  before=$(generated_sums)
  scripts/generate.sh
  after=$(generated_sums)
  [ "$before" = "$after" ] || fail "generated files were out of date; scripts/generate.sh has updated them, commit these files:" "$(git status --short -- web/templates web/static)"
fi

lint_front_end() {
  for script in typecheck lint knip; do npm --prefix web/app run --silent "$script" || return; done
}
scripts/npm-ci.sh web/app
if $fast; then
  step "front end: types, lint, dead code"
  lint_front_end
  step "done"
  exit 0
fi

# Three packages at a time, with four tests of each, also on two cores, because tests mostly wait. The package that takes
# longest comes first, so that the others run in parallel with it.
step "Go tests"
go tool gotestsum --format pkgname -- -race -shuffle=on -p 3 -parallel 4 -timeout 30m ./test/server ./...

# The suites with LiveKit's SDKs mostly wait, so they run in parallel. The output of each is printed as a whole.
suites=(front-end go go-2.16 node agents)
suite() {
  case "$1" in
    front-end) lint_front_end && npm --prefix web/app test ;;
    go) (cd test/gosdk && go test -count=1 -timeout 15m ./...) ;;
    go-2.16) (cd test/gosdk && go test -modfile=v2.16.mod -tags=gosdk_2_16 -count=1 -timeout 15m .) ;;
    node) npm --prefix test/nodesdk test ;;
    agents) npm --prefix test/agents test ;;
  esac
}

step "front end: types, lint, dead code, tests; LiveKit's Go SDK (two versions), Node SDK and agent worker against the binary"
scripts/npm-ci.sh test/nodesdk
scripts/npm-ci.sh test/agents
outputs=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$outputs"' EXIT # in scripts, background jobs ignore Ctrl-C
declare -A running
for suite in "${suites[@]}"; do
  suite "$suite" >"$outputs/$suite" 2>&1 &
  running[$suite]=$!
done
failed=()
for suite in "${suites[@]}"; do
  wait "${running[$suite]}" || failed+=("$suite")
  printf '\n-- %s\n' "$suite"
  cat "$outputs/$suite"
done
[ ${#failed[@]} -eq 0 ] || fail "failed: ${failed[*]}"

step "Chromium against the binary"
scripts/npm-ci.sh test/browser
npm --prefix test/browser test

step "done"
