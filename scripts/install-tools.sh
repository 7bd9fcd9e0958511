#!/usr/bin/env bash
# Installs what the tests need besides Go and is missing: Node.js with npm, Chromium, Firefox, ffmpeg, iproute2, openssl and
# the proxies nginx, Apache and Caddy. Debian only; elsewhere it says what to install.
set -euo pipefail

missing=()
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v chromium >/dev/null || missing+=(chromium)
command -v firefox-esr >/dev/null || missing+=(firefox-esr)
command -v ffmpeg >/dev/null || missing+=(ffmpeg)
command -v ip >/dev/null || missing+=(iproute2)
command -v openssl >/dev/null || missing+=(openssl)
servers=()
[ -x /usr/sbin/nginx ] || servers+=(nginx)
[ -x /usr/bin/caddy ] || servers+=(caddy)
[ -x /usr/sbin/apache2 ] || missing+=(apache2-bin) # the program alone, without a service
missing+=("${servers[@]}")
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "install these first: ${missing[*]}" >&2
  exit 1
fi
root=()
[ "$(id -u)" = 0 ] || root=(sudo)
"${root[@]}" apt-get update -qq

# Debian starts servers when it installs them, and whenever the machine starts. These are for tests, which start their own:
# policy-rc.d forbids the first (invoke-rc.d(8)), disabling the second.
policy=/usr/sbin/policy-rc.d
if [ ${#servers[@]} -gt 0 ] && [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
  "${root[@]}" chmod 755 "$policy"
  trap '"${root[@]}" rm -f "$policy"' EXIT
fi
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
for server in "${servers[@]}"; do
  ! command -v systemctl >/dev/null || "${root[@]}" systemctl disable --quiet "$server" || true # where systemd does not run
done
