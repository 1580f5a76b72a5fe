#!/bin/sh
# Every certificate and request that Mayfly writes, verified by OpenSSL, and requests of OpenSSL read by Mayfly.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec "$here/../../../scripts/node" "$here/run.ts"
