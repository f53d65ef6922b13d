#!/usr/bin/env bash
# Builds the real Kubernetes parts that the tests run against, from Go modules alone, into $KUBE_HOME/bin.
#
#   install.sh [PART...]      the named parts, or: etcd kube-apiserver
#   install.sh --list         every part there is
#
# KUBE_HOME   where to (default: keystead/kubernetes in $XDG_CACHE_HOME or ~/.cache)
# KUBE_JOBS   go build -p (default 2)
#
# A part whose stamp matches its pinned versions is not built again. What it compiles stays in Go's build cache,
# so a second KUBE_HOME on the same machine costs a link, not a build.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${KUBE_HOME:=${XDG_CACHE_HOME:-$HOME/.cache}/keystead/kubernetes}"
: "${KUBE_JOBS:=2}"
mkdir -p "$KUBE_HOME/bin" "$KUBE_HOME/stamps"
KUBE_HOME=$(cd "$KUBE_HOME" && pwd)

kube=v1.36.3 # the modules behind it are pinned in go/go.mod and go/go.sum
minor=36

default=(etcd kube-apiserver)
declare -A from=(
	[etcd]="go go.etcd.io/etcd/server/v3"
	[etcdctl]="go go.etcd.io/etcd/etcdctl/v3"
	[kube-apiserver]="go k8s.io/kubernetes/cmd/kube-apiserver"
	[kube-controller-manager]="go k8s.io/kubernetes/cmd/kube-controller-manager"
	[kubectl]="go k8s.io/kubernetes/cmd/kubectl"
	[kms-ref]="go ./cmd/kms-ref"
	[kms-probe]="go ./cmd/kms-probe"
)
if [ "${1:-}" = --list ]; then
	printf '%s\n' "${!from[@]}" | sort
	exit 0
fi
[ $# -gt 0 ] || set -- "${default[@]}"
for part; do
	[ -n "${from[$part]:-}" ] || { echo "install.sh: no part named $part (see --list)" >&2; exit 2; }
done
command -v go >/dev/null || { echo "install.sh: Go is needed" >&2; exit 1; }

ld="-s -w
 -X k8s.io/component-base/version.gitVersion=$kube
 -X k8s.io/component-base/version.gitMajor=1
 -X k8s.io/component-base/version.gitMinor=$minor
 -X k8s.io/component-base/version.gitTreeState=clean
 -X k8s.io/client-go/pkg/version.gitVersion=$kube
 -X k8s.io/client-go/pkg/version.gitMajor=1
 -X k8s.io/client-go/pkg/version.gitMinor=$minor"
export CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath" GOWORK=off

exec 9>"$KUBE_HOME/.lock"
flock 9 # two installs into one folder take turns
for part; do
	read -r module package <<<"${from[$part]}"
	want="$kube $(cat "$here/$module/go.mod" "$here/$module/go.sum" | sha256sum | cut -c1-16) $(go env GOVERSION)"
	case $package in ./*) want+=" $(cat "$here/$module/$package"/*.go | sha256sum | cut -c1-16)" ;; esac
	if [ -x "$KUBE_HOME/bin/$part" ] && [ "$(cat "$KUBE_HOME/stamps/$part" 2>/dev/null)" = "$want" ]; then
		echo "$part: there already"
		continue
	fi
	start=$SECONDS
	(cd "$here/$module" && nice go build -p "$KUBE_JOBS" -ldflags "$(tr -d '\n' <<<"$ld")" -o "$KUBE_HOME/bin/.$part.new" "$package")
	mv "$KUBE_HOME/bin/.$part.new" "$KUBE_HOME/bin/$part"
	echo "$want" >"$KUBE_HOME/stamps/$part"
	echo "$part: built in $((SECONDS - start)) s, $(($(stat -c %s "$KUBE_HOME/bin/$part") / 1048576)) MiB"
done
