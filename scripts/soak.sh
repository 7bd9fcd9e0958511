#!/usr/bin/env bash
# Lets people come, publish, mute, vanish, resume and leave at random, for ten minutes unless told otherwise, and checks
# that they leave no goroutine, no memory and no ghost behind:
#   scripts/soak.sh [-soak 10m] [-participants 200]
set -euo pipefail
cd "$(dirname "$0")/.."
exec go test -count=1 -timeout=0 -artifacts -v -run '^TestSoak$' ./internal/rtc -soak 10m -participants 200 "$@"
