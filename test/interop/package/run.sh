#!/bin/sh
# What `npm pack` makes, installed into an empty project: a server, an agent and a fetch out of compiled files alone.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../../../scripts" && pwd -P)
. "$here/env.sh"
folder=$(mktemp -d)
server=''
clean() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true
  rm -rf "$folder"
}
trap clean EXIT

passed=0
failed=0
check() {
  if eval "$2"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $1" >&2
  fi
}

# A copy, so that the build does not lie about in the checkout.
mkdir "$folder/source" "$folder/project"
(cd "$root" && tar -cf - LICENSE README.md bin migrations package.json package-lock.json scripts/copy-protos.ts src tsconfig.json tsconfig.build.json) |
  (cd "$folder/source" && tar -xf -)
ln -s "$root/node_modules" "$folder/source/node_modules"
(cd "$folder/source" && npm pack --silent --pack-destination "$folder" >/dev/null)
(cd "$folder/project" && npm init --yes >/dev/null && npm install --silent --ignore-scripts --no-audit --no-fund "$folder"/mayfly-*.tgz)
mayfly="$folder/project/node_modules/.bin/mayfly"
check 'the package brings its commands' '[ -x "$mayfly" ]'

"$mayfly" dev --json --data-dir "$folder/data" >"$folder/ready" 2>"$folder/log" &
server=$!
tries=0
until [ -s "$folder/ready" ] || [ "$tries" -gt 100 ]; do
  sleep 0.2
  tries=$((tries + 1))
done
read_ready() { node -p "JSON.parse(require('fs').readFileSync('$folder/ready', 'utf8')).$1"; }
check 'mayfly dev is ready' '[ "$(read_ready ready)" = true ]'
MAYFLY_ADMIN_SOCKET=$(read_ready adminSocket)
SPIFFE_ENDPOINT_SOCKET="unix://$(read_ready workloadSocket)"
export MAYFLY_ADMIN_SOCKET SPIFFE_ENDPOINT_SOCKET
"$mayfly" entry create --spiffe-id spiffe://example.org/packed --parent "$(read_ready agent)" --selector "unix:uid:$(id -u)" >/dev/null
check 'the agent gives an SVID' '"$mayfly" fetch x509 | grep -q "spiffe://example.org/packed"'
check 'and a token' '"$mayfly" fetch jwt --audience test | grep -q "^eyJ"'
kill "$server"
check 'it ends in good order' 'wait "$server"'
server=''
[ "$failed" -eq 0 ] || cat "$folder/log" >&2
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
