# Sourced by the scripts that sum up results: adds the `N passed, N failed` line that ends the file $1 to `passed` and
# `failed`. A file without such a line counts as one failure, since nothing is known of it.
passed=0
failed=0
tally() {
  line=$(sed -n 's/^\([0-9][0-9]* passed, [0-9][0-9]* failed\).*$/\1/p' "$1" | tail -n 1)
  if [ -z "$line" ]; then
    failed=$((failed + 1))
    return
  fi
  passed=$((passed + ${line%% *}))
  line=${line#*, }
  failed=$((failed + ${line%% *}))
}

# Runs a command, shows its output as it comes, and keeps it in the file $1; its exit code is not lost in a pipe.
run_into() {
  output=$1
  shift
  { "$@" 2>&1 || echo "$?" >"$output.status"; } | tee "$output"
  [ ! -e "$output.status" ]
}

scratch=$(mktemp -d "${TMPDIR:-/tmp}/mayfly-test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
