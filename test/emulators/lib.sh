# Sourced by prepare.sh, install.sh, start.sh and stop.sh: where things are, versions, ports, what is installed.
# shellcheck shell=bash disable=SC2034

HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
EMULATORS_HOME="${EMULATORS_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/keystead/emulators}"
TLS_DIR="$EMULATORS_HOME/tls"

# Versions that are not in requirements.txt, npm/package.json or oidc/pom.xml.
FAKE_GCS_VERSION=v1.56.1
VERSITYGW_VERSION=v1.8.0
MAVEN_DEPENDENCY_PLUGIN=3.6.1

# All ports are on 127.0.0.1. Another base lets two checkouts run side by side.
BASE="${EMULATORS_PORT_BASE:-18000}"
RUN_DIR="$EMULATORS_HOME/run-$BASE" # pid files, logs, data of versitygw
PORT_MOTO=$((BASE + 100))
PORT_MOTO_IAM=$((BASE + 101))
PORT_VERSITYGW=$((BASE + 110))
PORT_AZURITE=$((BASE + 200))
PORT_KEYVAULT=$((BASE + 210))
PORT_MANAGEDHSM=$((BASE + 211))
PORT_AZURE_IMDS=$((BASE + 212))
PORT_FAKE_GCS=$((BASE + 300))
PORT_GCP_KMS=$((BASE + 310))
PORT_GCP_KMS_TLS=$((BASE + 311))
PORT_OIDC=$((BASE + 400))
ports() { local name; for name in ${!PORT_@}; do echo "${!name}"; done; }

# In the order in which `all` starts them: the fake of Key Vault verifies its tokens with the keys of oidc.
ALL="moto moto-iam versitygw azurite oidc azure-keyvault fake-gcs gcp-kms"

# Credentials of the test servers. They open nothing but a server on loopback.
S3_STRICT_ACCESS=emulator-access
S3_STRICT_SECRET=emulator-secret
AZURITE_ACCOUNT=keyservice
AZURITE_KEY="$(printf 'a test key for a blob server on loopback; it is not a secret....' | base64 | tr -d '\n')"

# What each emulator is made of: the parts that install.sh installs.
part_of() {
  case "$1" in
    moto|moto-iam) echo moto ;;
    azurite|azure-keyvault|gcp-kms) echo npm ;; # azure-keyvault needs node alone; its part is there for the others anyway
    *) echo "$1" ;;
  esac
}
# pin PART : what is installed has this text in its stamp; another text, and it is installed again.
pin() {
  case "$1" in
    tls) printf 'CA and localhost, v1' ;;
    moto) cat "$HERE/requirements.txt" ;;
    npm) cat "$HERE"/npm/package*.json ;;
    oidc) cat "$HERE/oidc/pom.xml" ;;
    fake-gcs) printf '%s' "$FAKE_GCS_VERSION" ;;
    versitygw) printf '%s' "$VERSITYGW_VERSION" ;;
  esac
}
installed() { [ "$(cat "$EMULATORS_HOME/.installed-$1" 2>/dev/null)" = "$(pin "$1")" ]; }
# lacks PART : what the machine has not got and the part needs; nothing when all is there.
lacks() {
  has openssl || { echo openssl; return; }
  has curl || { echo curl; return; }
  case "$1" in
    moto) python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || echo 'Python 3.11 with venv' ;;
    npm) has npm || echo npm ;;
    oidc) { has java && has mvn; } || echo 'Java 17 and Maven' ;;
    fake-gcs|versitygw) has go || echo 'Go 1.26' ;;
  esac
}

has() { command -v "$1" >/dev/null 2>&1; }
say() { echo "$*" >&2; }
die() { say "error: $*"; exit 1; }
need() { has "$1" || die "$1 is needed for $2"; }

# names ARG... : the emulators that the arguments name, in start order; an unknown name is an error.
names() {
  local arg name
  for arg in "$@"; do
    [[ " $ALL all aws azure gcp " == *" $arg "* ]] || die "unknown emulator: $arg (known: $ALL; groups: all aws azure gcp)"
  done
  for name in $ALL; do
    for arg in "$@"; do
      case "$arg:$name" in
        all:*|"$name:$name"|aws:moto|aws:moto-iam|aws:versitygw|azure:azurite|azure:oidc|azure:azure-keyvault|gcp:fake-gcs|gcp:oidc|gcp:gcp-kms)
          echo "$name"; break ;;
      esac
    done
  done
}

# A pid file holds the pid and the time at which that process started, so that a pid which the system has given to
# another process is never taken for ours.
# Nothing for a process that has ended and that nobody has reaped yet.
started_at() { ps -o stat=,lstart= -p "$1" 2>/dev/null | sed -E '/^ *Z/d; s/^ *[^ ]+ +//' | tr -s ' '; }
pid_of() {
  local file="$RUN_DIR/$1.pid" pid at
  [ -f "$file" ] || return 1
  { read -r pid; read -r at; } <"$file"
  [ -n "$pid" ] && [ "$(started_at "$pid" | xargs)" = "$(echo "$at" | xargs)" ] || return 1
  echo "$pid"
}
