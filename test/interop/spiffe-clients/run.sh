#!/bin/sh
# Programs of go-spiffe, java-spiffe, py-spiffe and the crate spiffe, and of mayfly/workload, against agents of ours.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
. "$here/../samples/prepare.sh"
. "$here/build.sh"
"$root/scripts/node" "$here/drive.ts" "$programs"
