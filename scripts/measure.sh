#!/usr/bin/env bash
# Runs the tests that measure, with Meet's limits, and writes each measurement with its limit to a file. The machine should
# be idle. scripts/check.sh runs the same tests with three times the limits, because its machine may be busy.
#   scripts/measure.sh [file]   writes to measurements.out without an argument
set -euo pipefail
MEET_MEASURE=$(realpath "${1:-$(dirname "$0")/../measurements.out}")
export MEET_MEASURE
cd "$(dirname "$0")/.."
: >"$MEET_MEASURE"

status=0
# One package and one test at a time, because parallel tests would affect the measurements.
for package in $(git grep -l 'measure\.Within(' -- '*_test.go' | xargs -n1 dirname | sort -u); do
  tests=$(grep -hE '^func Test|measure\.Within\(' "$package"/*_test.go | grep -B1 'measure\.Within(' | sed -nE 's/^func (Test\w+).*/\1/p' | paste -sd'|')
  go test -count=1 -p 1 -parallel 1 -timeout 10m -run "^($tests)\$" "./$package" || status=1
done

scripts/npm-ci.sh web/app
scripts/npm-ci.sh test/browser
cd test/browser
mapfile -t specs < <(grep -l "from './measure.js'" -- *.spec.js)
npx playwright test --workers 1 "${specs[@]}" || status=1
node first-frame.js 9 | tee -a "$MEET_MEASURE" || status=1
exit $status
