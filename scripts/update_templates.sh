#!/usr/bin/env bash
# Installs the newest published build of the front end with `meet update-templates`. Arguments are passed on:
#
#   scripts/update_templates.sh --frontend-repository owner/name
#
# MEET_FRONTEND_REPOSITORY or MEET_FRONTEND_URL, in the environment or in .env, set the source permanently. UPDATE_WITH is
# the path of the meet binary. The default is the installed one, or else one built from this repository.
set -euo pipefail

program=${UPDATE_WITH:-$(command -v meet || true)}
if [ -z "$program" ]; then
  here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
  program=$here/meet # ignored by git
  go -C "$here" build -o "$program" ./cmd/meet
fi
exec "$program" update-templates "$@"
