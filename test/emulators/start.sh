#!/usr/bin/env bash
# Starts emulators on fixed loopback ports, waits until each answers, and prints the environment of the clients:
#
#   eval "$(./start.sh all)"           or: aws | azure | gcp | single names (see ALL in lib.sh)
#
# EMULATORS_FORMAT=lines prints plain NAME=VALUE lines instead. Exit status 3: an emulator is not installed.
# One that already runs is left alone. All state is in memory or is wiped at the start. Logs: $EMULATORS_HOME/run-*/*.log
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -gt 0 ] || die "usage: start.sh NAME... (known: $ALL; groups: all aws azure gcp)"
TIMEOUT="${EMULATORS_TIMEOUT:-90}" # seconds that one emulator has to become ready
mkdir -p "$RUN_DIR"

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
answers() { curl -s -o /dev/null --max-time 5 --cacert "$TLS_DIR/ca.pem" "$@"; } # any HTTP answer
ok() { answers -f "$@"; } # an answer below 400

# launch NAME PORTS READY COMMAND... : starts the command, waits until READY succeeds while the process lives.
launch() {
  local name="$1" ports="$2" ready="$3" pid port begin
  shift 3
  if pid_of "$name" >/dev/null; then say "$name: runs already"; return; fi
  for port in $ports; do ! port_open "$port" || die "$name: port $port is in use by another process"; done
  begin=$(date +%s%N)
  nohup "$@" >"$RUN_DIR/$name.log" 2>&1 </dev/null &
  pid=$!
  printf '%s\n%s\n' "$pid" "$(started_at "$pid")" >"$RUN_DIR/$name.pid"
  until eval "$ready"; do
    kill -0 "$pid" 2>/dev/null || { tail -n 20 "$RUN_DIR/$name.log" >&2; die "$name: stopped while starting"; }
    [ $(($(date +%s%N) - begin)) -lt $((TIMEOUT * 1000000000)) ] || { tail -n 20 "$RUN_DIR/$name.log" >&2; die "$name: not ready after $TIMEOUT s"; }
    sleep 0.1
  done
  say "$name: ready after $((($(date +%s%N) - begin) / 1000000)) ms (pid $pid)"
}
emit() {
  if [ "${EMULATORS_FORMAT:-shell}" = lines ]; then echo "$1=$2"; else echo "export $1=$(printf '%q' "$2")"; fi
}
# Says why an emulator cannot be started, and ends with a status of its own.
assert_installed() {
  local part missing
  part="$(part_of "$1")"
  if installed "$part" && installed tls; then return; fi
  missing="$(lacks "$part")"
  say "$1 is not installed: ${missing:+$missing is needed, then }run test/emulators/prepare.sh"
  exit 3
}

start_moto() {
  launch moto "$PORT_MOTO" "ok http://127.0.0.1:$PORT_MOTO/moto-api/" "$EMULATORS_HOME/moto/bin/python" "$HERE/fakes/moto_strict.py" -H 127.0.0.1 -p "$PORT_MOTO"
  emit AWS_ENDPOINT_URL "http://127.0.0.1:$PORT_MOTO" # the SDK reads this one by itself
  emit AWS_REGION eu-west-1
  emit AWS_ACCESS_KEY_ID test
  emit AWS_SECRET_ACCESS_KEY test
  emit AWS_EC2_METADATA_DISABLED true # the default credential chain must not ask a link-local address
}
start_moto-iam() { # a second process, because enforcement is a switch of the whole process
  launch moto-iam "$PORT_MOTO_IAM" "ok http://127.0.0.1:$PORT_MOTO_IAM/moto-api/" "$EMULATORS_HOME/moto/bin/python" "$HERE/fakes/moto_strict.py" -H 127.0.0.1 -p "$PORT_MOTO_IAM"
  emit AWS_IAM_ENDPOINT_URL "http://127.0.0.1:$PORT_MOTO_IAM"
}
start_versitygw() {
  local data="$RUN_DIR/versitygw" meta=()
  if ! pid_of versitygw >/dev/null; then
    rm -rf "$data"
    mkdir -p "$data/objects" "$data/versions" "$data/meta"
    # Metadata is in extended attributes; where the file system has none, in files beside the objects.
    python3 -c 'import os,sys; os.setxattr(sys.argv[1], "user.probe", b"1")' "$data/objects" 2>/dev/null || meta=(--sidecar "$data/meta")
  fi
  launch versitygw "$PORT_VERSITYGW" "ok http://127.0.0.1:$PORT_VERSITYGW/health" "$EMULATORS_HOME/bin/versitygw" \
    --port "127.0.0.1:$PORT_VERSITYGW" --access "$S3_STRICT_ACCESS" --secret "$S3_STRICT_SECRET" --region us-east-1 --quiet --health /health \
    posix "${meta[@]}" --versioning-dir "$data/versions" "$data/objects"
  emit S3_STRICT_ENDPOINT_URL "http://127.0.0.1:$PORT_VERSITYGW"
  emit S3_STRICT_ACCESS_KEY_ID "$S3_STRICT_ACCESS"
  emit S3_STRICT_SECRET_ACCESS_KEY "$S3_STRICT_SECRET"
}
start_azurite() {
  launch azurite "$PORT_AZURITE" "answers https://127.0.0.1:$PORT_AZURITE/" env AZURITE_ACCOUNTS="$AZURITE_ACCOUNT:$AZURITE_KEY" \
    node "$EMULATORS_HOME/npm/node_modules/azurite/dist/src/blob/main.js" --blobHost 127.0.0.1 --blobPort "$PORT_AZURITE" \
    --inMemoryPersistence --extentMemoryLimit 256 --silent --skipApiVersionCheck --disableTelemetry \
    --cert "$TLS_DIR/server.crt" --key "$TLS_DIR/server.key" --oauth basic
  emit AZURE_BLOB_ENDPOINT "https://127.0.0.1:$PORT_AZURITE/$AZURITE_ACCOUNT"
  emit AZURE_BLOB_ACCOUNT "$AZURITE_ACCOUNT"
  emit AZURE_BLOB_ACCOUNT_KEY "$AZURITE_KEY"
  emit NODE_EXTRA_CA_CERTS "$TLS_DIR/ca.pem"
}
start_oidc() {
  sed "s#@TLS_DIR@#$TLS_DIR#" "$HERE/oidc/config.template.json" >"$RUN_DIR/oidc.json"
  launch oidc "$PORT_OIDC" "ok https://127.0.0.1:$PORT_OIDC/isalive" env SERVER_HOSTNAME=127.0.0.1 SERVER_PORT="$PORT_OIDC" JSON_CONFIG_PATH="$RUN_DIR/oidc.json" \
    java -Xmx192m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -cp "$EMULATORS_HOME/oidc/*" no.nav.security.mock.oauth2.StandaloneMockOAuth2ServerKt
  emit OIDC_URL "https://127.0.0.1:$PORT_OIDC" # issuers: $OIDC_URL/{k8s,users,expired,tenant-1/v2.0}
  emit NODE_EXTRA_CA_CERTS "$TLS_DIR/ca.pem"
}
start_azure-keyvault() { # needs oidc: start both
  launch azure-keyvault "$PORT_KEYVAULT $PORT_MANAGEDHSM $PORT_AZURE_IMDS" \
    "ok https://127.0.0.1:$PORT_KEYVAULT/healthstatus && ok https://127.0.0.1:$PORT_MANAGEDHSM/healthstatus && port_open $PORT_AZURE_IMDS" \
    env NODE_EXTRA_CA_CERTS="$TLS_DIR/ca.pem" node "$HERE/fakes/azure-keyvault.mjs" --cert "$TLS_DIR/server.crt" --key "$TLS_DIR/server.key" \
    --port "$PORT_KEYVAULT" --hsm-port "$PORT_MANAGEDHSM" --imds-port "$PORT_AZURE_IMDS" --authority "https://127.0.0.1:$PORT_OIDC/tenant-1"
  emit AZURE_KEYVAULT_URL "https://127.0.0.1:$PORT_KEYVAULT"
  emit AZURE_MANAGEDHSM_URL "https://127.0.0.1:$PORT_MANAGEDHSM"
  emit AZURE_AUTHORITY_HOST "https://127.0.0.1:$PORT_OIDC" # tenant: tenant-1
  emit AZURE_POD_IDENTITY_AUTHORITY_HOST "http://127.0.0.1:$PORT_AZURE_IMDS" # ManagedIdentityCredential reads it
  emit NODE_EXTRA_CA_CERTS "$TLS_DIR/ca.pem"
}
start_fake-gcs() {
  launch fake-gcs "$PORT_FAKE_GCS" "ok http://127.0.0.1:$PORT_FAKE_GCS/_internal/healthcheck" "$EMULATORS_HOME/bin/fake-gcs-server" \
    -scheme http -host 127.0.0.1 -port "$PORT_FAKE_GCS" -backend memory -log-level warn \
    -public-host "127.0.0.1:$PORT_FAKE_GCS" -external-url "http://127.0.0.1:$PORT_FAKE_GCS"
  emit GCS_ENDPOINT_URL "http://127.0.0.1:$PORT_FAKE_GCS" # never STORAGE_EMULATOR_HOST: see README.md
}
start_gcp-kms() {
  # Copied to where its packages are: Node looks for them beside the real path of the file.
  cp "$HERE/fakes/gcp-kms.mjs" "$EMULATORS_HOME/npm/gcp-kms.mjs"
  launch gcp-kms "$PORT_GCP_KMS $PORT_GCP_KMS_TLS" "port_open $PORT_GCP_KMS && port_open $PORT_GCP_KMS_TLS" \
    node "$EMULATORS_HOME/npm/gcp-kms.mjs" --port "$PORT_GCP_KMS" --tls-port "$PORT_GCP_KMS_TLS" --cert "$TLS_DIR/server.crt" --key "$TLS_DIR/server.key"
  emit GCP_KMS_ENDPOINT "127.0.0.1:$PORT_GCP_KMS"
  emit GCP_KMS_TLS_ENDPOINT "localhost:$PORT_GCP_KMS_TLS"
  emit GRPC_DEFAULT_SSL_ROOTS_FILE_PATH "$TLS_DIR/ca.pem" # gRPC does not read NODE_EXTRA_CA_CERTS
  emit METADATA_SERVER_DETECTION none # the Google clients must not ask a link-local address
  emit NODE_EXTRA_CA_CERTS "$TLS_DIR/ca.pem"
}

list="$(names "$@")" # on its own line, so that an unknown name ends the script
for name in $list; do assert_installed "$name"; done
for name in $list; do "start_$name"; done
