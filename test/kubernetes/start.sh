#!/usr/bin/env bash
# Starts etcd and kube-apiserver on 127.0.0.1 (install.sh built them), waits until they answer, and prints what a
# client needs as NAME=value lines, the same that it leaves in $KUBE_RUN/env. Everything else goes to stderr.
#
#   start.sh [ENCRYPTION_CONFIG]     an EncryptionConfiguration file; the apiserver reads it again when it changes
#
# KUBE_HOME          what install.sh used (default: keystead/kubernetes in $XDG_CACHE_HOME or ~/.cache)
# KUBE_RUN           data, certificates, logs and pid files of this one instance (default: $KUBE_HOME/run)
# KUBE_API_PORT      default 26443        KUBE_ETCD_PORT   default 23790      (a port that is taken is an error)
# KUBE_API_ARGS      further kube-apiserver flags, split at spaces
# KUBE_AUDIENCES     audiences the apiserver itself accepts (default: the issuer); TokenRequest gives any
# KUBE_CONTROLLERS=1 kube-controller-manager too, for namespaces that go away, default ServiceAccounts and root CAs
# KUBE_WAIT          seconds to wait (default 120)
# KUBE_WAIT_FOR      readyz (default), or livez: to come up while the KMS plugin is not there yet
# KUBE_KEEP=1        keep the data of an earlier run in KUBE_RUN (default: begin empty)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${KUBE_HOME:=${XDG_CACHE_HOME:-$HOME/.cache}/keystead/kubernetes}"
[ -d "$KUBE_HOME/bin" ] || { echo "start.sh: run install.sh first" >&2; exit 1; }
KUBE_HOME=$(cd "$KUBE_HOME" && pwd)
: "${KUBE_RUN:=$KUBE_HOME/run}" "${KUBE_API_PORT:=26443}" "${KUBE_ETCD_PORT:=23790}" "${KUBE_WAIT:=120}" "${KUBE_WAIT_FOR:=readyz}"
issuer=https://127.0.0.1:$KUBE_API_PORT
: "${KUBE_AUDIENCES:=$issuer}"
encryption=${1:-}
[ -z "$encryption" ] || encryption=$(realpath -e "$encryption")
bin=$KUBE_HOME/bin
etcd=$bin/etcd
[ -x "$etcd" ] || etcd=$(command -v etcd) || { echo "start.sh: no etcd, neither built nor on the PATH" >&2; exit 1; }

mkdir -p "$KUBE_RUN"
KUBE_RUN=$(cd "$KUBE_RUN" && pwd)
alive() { # a pid file whose process is the program it was started as
	local pid
	pid=$(cat "$KUBE_RUN/$1.pid" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$(cut -c1-15 <<<"$1")" ]
}
for p in etcd kube-apiserver kube-controller-manager; do
	if alive $p; then echo "start.sh: $p of this KUBE_RUN runs already; stop.sh ends it" >&2; exit 1; fi
done
for port in "$KUBE_API_PORT" "$KUBE_ETCD_PORT"; do
	if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "start.sh: port $port is taken" >&2; exit 1; fi
done
[ -n "${KUBE_KEEP:-}" ] || rm -rf "$KUBE_RUN/etcd" "$KUBE_RUN/pki"
mkdir -p "$KUBE_RUN/pki"
chmod 700 "$KUBE_RUN" "$KUBE_RUN/pki"
cd "$KUBE_RUN/pki"

if [ ! -s ca.crt ]; then
	key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1" 2>/dev/null; }
	key ca.key
	openssl req -x509 -new -key ca.key -days 30 -subj /CN=test-ca -out ca.crt \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
	sign() { # name subject extensions
		key "$1.key"
		openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
		openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" -extfile <(printf '%b' "$3") 2>/dev/null
		rm "$1.csr"
	}
	sign apiserver /CN=kube-apiserver 'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc\nextendedKeyUsage=serverAuth\n'
	sign admin /O=system:masters/CN=admin 'extendedKeyUsage=clientAuth\n'
	openssl genrsa -out sa.key 2048 2>/dev/null
	openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
fi

launch() { # name command...
	local name=$1
	shift
	# its own session, so that a signal to the caller's group does not end it, and no inherited files
	setsid "$@" >"$KUBE_RUN/$name.log" 2>&1 </dev/null &
	echo $! >"$KUBE_RUN/$name.pid"
}
give_up() {
	echo "start.sh: $1; the end of $2.log:" >&2
	tail -n 15 "$KUBE_RUN/$2.log" >&2
	"$here/stop.sh" >&2 || true
	exit 1
}
deadline=$((SECONDS + KUBE_WAIT))
until_ok() { # name what command...
	local name=$1 what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		# not alive(): for a moment after the launch the process does not bear its name yet
		kill -0 "$(cat "$KUBE_RUN/$name.pid")" 2>/dev/null || give_up "$name ended" "$name"
		[ $SECONDS -lt $deadline ] || give_up "$what did not come within $KUBE_WAIT s" "$name"
		sleep 0.2
	done
}

export KUBE_RUN
# the data is worth nothing after the test, so etcd need not wait for the disk
launch etcd "$etcd" --name=test --data-dir="$KUBE_RUN/etcd" --unsafe-no-fsync --log-level=warn \
	--listen-client-urls="http://127.0.0.1:$KUBE_ETCD_PORT" --advertise-client-urls="http://127.0.0.1:$KUBE_ETCD_PORT" \
	--listen-peer-urls=http://127.0.0.1:0 --initial-advertise-peer-urls=http://127.0.0.1:2380 --initial-cluster=test=http://127.0.0.1:2380
until_ok etcd "etcd's health" curl -sf -m 2 --noproxy '*' "http://127.0.0.1:$KUBE_ETCD_PORT/health"

args=(
	--etcd-servers="http://127.0.0.1:$KUBE_ETCD_PORT"
	--bind-address=127.0.0.1 --secure-port="$KUBE_API_PORT" --external-hostname=127.0.0.1 --endpoint-reconciler-type=none
	--tls-cert-file="$KUBE_RUN/pki/apiserver.crt" --tls-private-key-file="$KUBE_RUN/pki/apiserver.key"
	--client-ca-file="$KUBE_RUN/pki/ca.crt"
	--service-account-issuer="$issuer" --service-account-jwks-uri="$issuer/openid/v1/jwks" --api-audiences="$KUBE_AUDIENCES"
	--service-account-signing-key-file="$KUBE_RUN/pki/sa.key" --service-account-key-file="$KUBE_RUN/pki/sa.pub"
	--service-cluster-ip-range=10.96.0.0/16 --authorization-mode=RBAC --allow-privileged=true --profiling=false
)
[ -z "$encryption" ] || args+=(--encryption-provider-config="$encryption" --encryption-provider-config-automatic-reload=true)
# shellcheck disable=SC2086 # KUBE_API_ARGS is a list of flags
launch kube-apiserver "$bin/kube-apiserver" "${args[@]}" ${KUBE_API_ARGS:-}
until_ok kube-apiserver "$KUBE_WAIT_FOR" curl -sf -m 5 --noproxy '*' --cacert ca.crt --cert admin.crt --key admin.key "$issuer/$KUBE_WAIT_FOR"

cat >"$KUBE_RUN/kubeconfig" <<K
apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: admin}}]
clusters: [{name: test, cluster: {server: "$issuer", certificate-authority: "$KUBE_RUN/pki/ca.crt"}}]
users: [{name: admin, user: {client-certificate: "$KUBE_RUN/pki/admin.crt", client-key: "$KUBE_RUN/pki/admin.key"}}]
K
chmod 600 "$KUBE_RUN/kubeconfig"
if [ -n "${KUBE_CONTROLLERS:-}" ]; then
	launch kube-controller-manager "$bin/kube-controller-manager" --kubeconfig="$KUBE_RUN/kubeconfig" --bind-address=127.0.0.1 --secure-port=0 \
		--leader-elect=false --use-service-account-credentials=false --root-ca-file="$KUBE_RUN/pki/ca.crt" \
		--service-account-private-key-file="$KUBE_RUN/pki/sa.key" --profiling=false
fi
tee "$KUBE_RUN/env" <<V
KUBECONFIG=$KUBE_RUN/kubeconfig
KUBE_API=$issuer
KUBE_CA=$KUBE_RUN/pki/ca.crt
KUBE_ADMIN_CERT=$KUBE_RUN/pki/admin.crt
KUBE_ADMIN_KEY=$KUBE_RUN/pki/admin.key
KUBE_ISSUER=$issuer
KUBE_ETCD=http://127.0.0.1:$KUBE_ETCD_PORT
KUBE_BIN=$bin
KUBE_RUN=$KUBE_RUN
V
