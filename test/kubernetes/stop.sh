#!/usr/bin/env bash
# Ends what start.sh started for this KUBE_RUN, by its pid files alone. Exits 0 when nothing of it runs any more.
#
#   stop.sh            KUBE_HOME and KUBE_RUN as for start.sh; KUBE_STOP_WAIT seconds for each (default 20)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${KUBE_HOME:=${XDG_CACHE_HOME:-$HOME/.cache}/keystead/kubernetes}"
: "${KUBE_RUN:=$KUBE_HOME/run}" "${KUBE_STOP_WAIT:=20}"
mine() { # pid name: the process is still the program that was started under this pid
	[ "$(cat "/proc/$1/comm" 2>/dev/null)" = "$(cut -c1-15 <<<"$2")" ]
}
for name in kube-controller-manager kube-apiserver etcd; do
	pid=$(cat "$KUBE_RUN/$name.pid" 2>/dev/null) || continue
	if mine "$pid" $name; then
		kill -TERM "$pid"
		for ((i = 0; i < KUBE_STOP_WAIT * 10; i++)); do
			mine "$pid" $name || break
			sleep 0.1
		done
		if mine "$pid" $name; then
			echo "stop.sh: $name did not end within $KUBE_STOP_WAIT s; killed" >&2
			kill -KILL "$pid"
		fi
	fi
	rm -f "$KUBE_RUN/$name.pid"
done
