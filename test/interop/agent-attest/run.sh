#!/bin/sh
# Who calls the agent's socket: callers that end, change, pass their socket on, or come from other namespaces. Needs root.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec "$here/../../../scripts/node" "$here/run.ts"
