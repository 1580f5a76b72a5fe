#!/bin/sh
# Certificates through GnuTLS.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
. "$here/../samples/prepare.sh"
make_samples
compare "$root/scripts/node" "$here/read.ts" "$samples"
