#!/bin/sh
# SVIDs in place of passwords of PostgreSQL 15, and as its own certificate.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec "$here/../../../scripts/node" "$here/run.ts"
