#!/bin/sh
# The recipes of docs/workloads/files.md: servers that know only files, through rotations, with connections open.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec "$here/../../../scripts/node" "$here/run.ts"
