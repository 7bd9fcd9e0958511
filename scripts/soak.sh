#!/usr/bin/env bash
# Runs the soak test: participants join, publish, mute, lose their connection, resume and leave at random, for ten minutes by
# default. At the end there must be no leaked goroutines or memory and no participants left:
#   scripts/soak.sh [-soak 10m] [-participants 200]
set -euo pipefail
cd "$(dirname "$0")/.."
exec go test -count=1 -timeout=0 -artifacts -v -run '^TestRandomClientActionsLeaveNoRoomsGoroutinesOrMemoryBehind$' ./internal/rtc -soak 10m -participants 200 "$@"
