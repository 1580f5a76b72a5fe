#!/bin/sh
# Certificates, tokens, key sets and bundles through Go's crypto/x509, go-spiffe, go-jose, golang-jwt and zlint.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
. "$here/../samples/prepare.sh"
GOCACHE=${GOCACHE:-$cache/go-build}
GOMODCACHE=${GOMODCACHE:-$cache/go-mod}
export GOCACHE GOMODCACHE
(cd "$here" && CGO_ENABLED=0 go build -mod=readonly -o "$scratch/reader" .)
make_samples
compare "$scratch/reader" "$samples"
