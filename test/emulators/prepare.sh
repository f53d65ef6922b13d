#!/usr/bin/env bash
# Installs every emulator whose runtimes (Python, Go, Java) this machine has. What cannot be installed is named, and the
# tests that want it are skipped with the same words; with CI=true it is an error. A second run takes no time.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

missing=()
for name in $ALL; do
  part="$(part_of "$name")"
  if installed "$part" && installed tls; then continue; fi
  lacking="$(lacks "$part")"
  if [ -n "$lacking" ]; then
    missing+=("$name ($lacking is needed)")
  elif ! "$HERE/install.sh" "$name"; then
    missing+=("$name (its installation failed)")
  fi
done
[ ${#missing[@]} -gt 0 ] || exit 0
printf 'not installed: %s\n' "${missing[@]}" >&2
[ "${CI:-}" != true ]
