#!/usr/bin/env bash
# Installs what the tests need besides Go and is missing: Node.js with npm, Chromium, Firefox, ffmpeg and iproute2. Debian only;
# elsewhere it says what to install.
set -euo pipefail

missing=()
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v chromium >/dev/null || missing+=(chromium)
command -v firefox-esr >/dev/null || missing+=(firefox-esr)
command -v ffmpeg >/dev/null || missing+=(ffmpeg)
command -v ip >/dev/null || missing+=(iproute2)
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "install these first: ${missing[*]}" >&2
  exit 1
fi
root=()
[ "$(id -u)" = 0 ] || root=(sudo)
"${root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
