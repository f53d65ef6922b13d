#!/usr/bin/env bash
# Installs cryptsetup where it is missing, as root and by apt-get; it formats and opens volumes in plain files.
set -euo pipefail
command -v cryptsetup >/dev/null && exit
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null &&
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends cryptsetup-bin; } >&2; then
  exit
fi
echo 'not installed: cryptsetup (root and apt-get are needed)' >&2
[ "${CI:-}" != true ]
