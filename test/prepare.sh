#!/usr/bin/env bash
# Provides what the tests need beside Node, outside the checkout. What cannot be had is named, and its tests are skipped; with
# CI=true that is an error, and what takes long to build or is installed into the system is provided, too.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
"$here/emulators/prepare.sh"
"$here/prometheus/install.sh" >/dev/null
if [ "${CI:-}" = true ]; then
  "$here/kubernetes/install.sh"
  "$here/how-to/install.sh"
  "$here/image/install.sh"
fi
