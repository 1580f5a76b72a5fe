#!/bin/sh
# What the kernel sees: the order of fsync and answers, and what the server does when its storage fails.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec "$here/../../../scripts/node" "$here/run.ts"
