#!/usr/bin/env bash
# Builds the real Kubernetes parts that the tests run against, from Go modules alone, into $KUBE_HOME/bin.
#
#   install.sh [PART...]      the named parts, or: etcd kube-apiserver kubectl helm helm-unittest kubeconform crds
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
helm=v3.21.4 # in go-tools/go.mod with the other tools for charts
# The resource definitions of cert-manager and of the Prometheus operator, out of their modules.
certificates=github.com/cert-manager/cert-manager@v1.21.0/deploy/crds/cert-manager.io_certificates.yaml
monitors=github.com/prometheus-operator/prometheus-operator@v0.93.0/example/prometheus-operator-crd/monitoring.coreos.com
crds=("$certificates" "${monitors}_servicemonitors.yaml" "${monitors}_prometheusrules.yaml")

default=(etcd kube-apiserver kubectl helm helm-unittest kubeconform crds)
declare -A from=(
	[etcd]="go go.etcd.io/etcd/server/v3"
	[etcdctl]="go go.etcd.io/etcd/etcdctl/v3"
	[kube-apiserver]="go k8s.io/kubernetes/cmd/kube-apiserver"
	[kube-controller-manager]="go k8s.io/kubernetes/cmd/kube-controller-manager"
	[kubectl]="go k8s.io/kubernetes/cmd/kubectl"
	[kms-ref]="go ./cmd/kms-ref"
	[kms-probe]="go ./cmd/kms-probe"
	[helm]="go-tools helm.sh/helm/v3/cmd/helm"
	[helm-unittest]="go-tools github.com/helm-unittest/helm-unittest/cmd/helm-unittest"
	[kubeconform]="go-tools github.com/yannh/kubeconform/cmd/kubeconform"
	[crds]="-"
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
 -X k8s.io/client-go/pkg/version.gitMinor=$minor
 -X helm.sh/helm/v3/internal/version.version=$helm
 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1
 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=$minor
 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1
 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=$minor"
export CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath" GOWORK=off

install_crds() { # the checksum database vouches for what the proxy gives
	local module file
	rm -rf "$KUBE_HOME/.crds.new" && mkdir "$KUBE_HOME/.crds.new"
	for file in "${crds[@]}"; do
		module=$(sed -E 's#(@[^/]+)/.*#\1#' <<<"$file")
		cp "$(cd "$here/go-tools" && go mod download -json "$module" | sed -nE 's/.*"Dir": "(.*)".*/\1/p')${file#"$module"}" "$KUBE_HOME/.crds.new"
	done
	rm -rf "$KUBE_HOME/crds" && mv "$KUBE_HOME/.crds.new" "$KUBE_HOME/crds"
}

exec 9>"$KUBE_HOME/.lock"
flock 9 # two installs into one folder take turns
for part; do
	if [ "$part" = crds ]; then
		if [ "$(cat "$KUBE_HOME/stamps/crds" 2>/dev/null)" = "${crds[*]}" ]; then
			echo "crds: there already"
			continue
		fi
		install_crds
		echo "${crds[*]}" >"$KUBE_HOME/stamps/crds"
		echo "crds: ${#crds[@]}"
		continue
	fi
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
