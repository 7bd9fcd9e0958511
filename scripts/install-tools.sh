#!/usr/bin/env bash
# Installs missing programs that the tests need besides Go: Node.js with npm, Chromium, Firefox, ffmpeg, iproute2, nftables,
# openssl, certutil, systemd-analyze and the proxies nginx, Apache, Caddy and HAProxy. It needs Debian. On other systems it lists
# what to install.
set -euo pipefail

missing=()
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v chromium >/dev/null || missing+=(chromium)
command -v firefox-esr >/dev/null || missing+=(firefox-esr)
command -v ffmpeg >/dev/null || missing+=(ffmpeg)
command -v ip >/dev/null || missing+=(iproute2)
command -v openssl >/dev/null || missing+=(openssl)
[ -x /usr/sbin/nft ] || missing+=(nftables)
command -v certutil >/dev/null || missing+=(libnss3-tools)
command -v systemd-analyze >/dev/null || missing+=(systemd) # checks the service file of the package
servers=()
[ -x /usr/sbin/nginx ] || servers+=(nginx)
[ -x /usr/bin/caddy ] || servers+=(caddy)
[ -x /usr/sbin/haproxy ] || servers+=(haproxy)
[ -x /usr/sbin/apache2 ] || missing+=(apache2-bin) # without a service
missing+=("${servers[@]}")
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "install these programs first: ${missing[*]}" >&2
  exit 1
fi
root=()
[ "$(id -u)" = 0 ] || root=(sudo)
"${root[@]}" apt-get update -qq

# Debian starts servers when they are installed and at every boot. The tests start their own, so policy-rc.d prevents the
# former (see invoke-rc.d(8)), and disabling the service the latter.
policy=/usr/sbin/policy-rc.d
if [ ${#servers[@]} -gt 0 ] && [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
  "${root[@]}" chmod 755 "$policy"
  trap '"${root[@]}" rm -f "$policy"' EXIT
fi
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
for server in "${servers[@]}"; do
  ! command -v systemctl >/dev/null || "${root[@]}" systemctl disable --quiet "$server" || true # fails where systemd is not running
done
