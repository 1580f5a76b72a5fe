# Sourced by the run.sh of each reader, with `here` set to its folder: `cache` is where downloads and builds stay,
# `scratch` goes when the script ends, `samples` is filled with fresh samples by the first call of `make_samples`.
interop=$(dirname "$here")
root=$(dirname "$(dirname "$interop")")
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/mayfly-interop
mkdir -p "$cache"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/mayfly-interop.XXXXXX")
samples=$scratch/samples
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

make_samples() {
  "$root/scripts/node" "$interop/samples/make.ts" "$samples"
}

# Runs a reader over the samples and holds what it says against the manifest. A reader that breaks off has failed.
compare() {
  broke=''
  "$@" >"$scratch/verdicts" || broke=yes
  "$root/scripts/node" "$interop/samples/compare.ts" "$samples" <"$scratch/verdicts"
  [ -z "$broke" ] || { echo "mayfly: the reader broke off" >&2 && return 1; }
}
