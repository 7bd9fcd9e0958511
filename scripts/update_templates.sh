#!/usr/bin/env bash
# Takes the newest published build of the front end, as `meet update-templates` does. What is given is passed on:
#
#   scripts/update_templates.sh --frontend-repository owner/name
#
# MEET_FRONTEND_REPOSITORY or MEET_FRONTEND_URL, in the environment or in .env, say it once and for all. UPDATE_WITH
# names the meet to use; otherwise it is the installed one, and if there is none, the one of this repository.
set -euo pipefail

program=${UPDATE_WITH:-$(command -v meet || true)}
if [ -z "$program" ]; then
  here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
  program=$here/meet # which git ignores
  go -C "$here" build -o "$program" ./cmd/meet
fi
exec "$program" update-templates "$@"
