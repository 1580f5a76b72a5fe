#!/bin/sh
# One minute of `npm run fuzz`: every reader of bytes from outside, with changed inputs.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec "$here/../../../scripts/node" "$here/../../../scripts/fuzz/run.ts" --minutes 1
