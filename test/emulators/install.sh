#!/usr/bin/env bash
# Installs the emulators into $EMULATORS_HOME, without Docker, from the package registries.
#
#   ./install.sh [NAME...]      default: all     (names and groups: see ALL in lib.sh)
#
# Idempotent: what is there in the pinned version is left alone; a changed pin is installed again.
# Needs, for what it installs: python3 with venv (moto), node >= 20 and npm (azurite, the fakes), go >= 1.26
# (fake-gcs, versitygw), java >= 17 and mvn (oidc), openssl.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -gt 0 ] || set -- all
wanted="$(names "$@")"
want() { local n; for n in "$@"; do grep -qx "$n" <<<"$wanted" && return 0; done; return 1; }
mkdir -p "$EMULATORS_HOME" "$TLS_DIR"

# stamped PART COMMAND... : runs the command unless its last success had the same pin.
stamped() {
  local begin=$SECONDS
  if installed "$1"; then return; fi
  say "$1: installing …"
  "${@:2}"
  pin "$1" >"$EMULATORS_HOME/.installed-$1"
  say "$1: installed in $((SECONDS - begin)) s"
}

# One installation at a time: the lock is a link that names the process which holds it.
lock="$EMULATORS_HOME/.lock"
until ln -s "$$" "$lock" 2>/dev/null; do
  holder="$(readlink "$lock" || true)"
  if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then rm -f "$lock"; continue; fi
  sleep 0.5
done
trap 'rm -f "$lock"' EXIT


install_moto() {
  rm -rf "$EMULATORS_HOME/moto"
  python3 -m venv "$EMULATORS_HOME/moto"
  "$EMULATORS_HOME/moto/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$HERE/requirements.txt"
}
install_npm() {
  mkdir -p "$EMULATORS_HOME/npm"
  cp "$HERE/npm/package.json" "$EMULATORS_HOME/npm/"
  [ ! -f "$HERE/npm/package-lock.json" ] || cp "$HERE/npm/package-lock.json" "$EMULATORS_HOME/npm/"
  if [ -f "$EMULATORS_HOME/npm/package-lock.json" ]; then set -- ci; else set -- install; fi
  (cd "$EMULATORS_HOME/npm" && npm "$1" --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
}
install_go() { # binary, package@version
  need go "$1"
  GOBIN="$EMULATORS_HOME/bin" GOFLAGS="-trimpath -buildvcs=false" CGO_ENABLED=0 go install -ldflags='-s -w' "$2"
}
install_oidc() {
  need mvn oidc; need java oidc
  rm -rf "$EMULATORS_HOME/oidc"
  mvn -q -B -f "$HERE/oidc/pom.xml" "org.apache.maven.plugins:maven-dependency-plugin:$MAVEN_DEPENDENCY_PLUGIN:copy-dependencies" \
    -DincludeScope=runtime -DoutputDirectory="$EMULATORS_HOME/oidc" >&2
}
install_tls() { # one CA, and one certificate for localhost and 127.0.0.1, for all servers
  need openssl tls
  local d="$TLS_DIR"
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout "$d/ca.key" -out "$d/ca.pem" -subj '/CN=local emulators' \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign' 2>/dev/null
  openssl req -newkey rsa:2048 -nodes -keyout "$d/server.key" -out "$d/server.csr" -subj '/CN=localhost' 2>/dev/null
  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' >"$d/server.ext"
  openssl x509 -req -in "$d/server.csr" -CA "$d/ca.pem" -CAkey "$d/ca.key" -CAcreateserial -days 825 -extfile "$d/server.ext" \
    -out "$d/server.crt" 2>/dev/null
  openssl pkcs12 -export -in "$d/server.crt" -inkey "$d/server.key" -name localhost -passout pass:changeit -out "$d/server.p12"
  chmod 600 "$d"/*.key "$d/server.p12"
}

if [ -f "$TLS_DIR/server.crt" ] && ! openssl x509 -checkend 86400 -noout -in "$TLS_DIR/server.crt" >/dev/null; then
  rm -f "$EMULATORS_HOME/.installed-tls"
fi
stamped tls install_tls
if want moto moto-iam; then need python3 moto; stamped moto install_moto; fi
if want azurite azure-keyvault gcp-kms; then need npm azurite; stamped npm install_npm; fi
if want oidc; then stamped oidc install_oidc; fi
if want fake-gcs; then stamped fake-gcs install_go fake-gcs "github.com/fsouza/fake-gcs-server@$FAKE_GCS_VERSION"; fi
if want versitygw; then stamped versitygw install_go versitygw "github.com/versity/versitygw/cmd/versitygw@$VERSITYGW_VERSION"; fi
say "installed in $EMULATORS_HOME"
