#!/bin/sh
# SVIDs as client certificates of nginx, and as its own.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec "$here/../../../scripts/node" "$here/run.ts"
