#!/bin/sh
# SVIDs as users of NATS, and as its own certificate.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec "$here/../../../scripts/node" "$here/run.ts"
