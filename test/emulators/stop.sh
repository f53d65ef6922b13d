#!/usr/bin/env bash
# Stops the emulators that start.sh started, by their pid files, and nothing else.
#
#   ./stop.sh [NAME...]      default: all
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -gt 0 ] || set -- all
list="$(names "$@")"
for name in $list; do
  if pid="$(pid_of "$name")"; then kill "$pid" 2>/dev/null || true; fi
done
for name in $list; do
  if pid="$(pid_of "$name")"; then
    for _ in $(seq 50); do pid_of "$name" >/dev/null || break; sleep 0.1; done
    if pid_of "$name" >/dev/null; then kill -KILL "$pid" 2>/dev/null || true; fi
  fi
  rm -f "$RUN_DIR/$name.pid"
done
