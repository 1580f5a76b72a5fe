#!/bin/sh
# HTTP/2 on the agent's socket: the cases of h2spec, and cases of our own with calls of the Workload API.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
. "$here/../samples/prepare.sh"
GOCACHE=${GOCACHE:-$cache/go-build} GOMODCACHE=${GOMODCACHE:-$cache/go-mod} CGO_ENABLED=0 \
  go build -C "$here" -mod=readonly -trimpath -o "$scratch/http2" .
"$root/scripts/node" "$here/run.ts" "$scratch/http2"
