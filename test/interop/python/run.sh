#!/bin/sh
# Certificates, tokens and key sets through Python's `cryptography` and PyJWT.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
. "$here/../samples/prepare.sh"
packages=$cache/python-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')-$(cksum <"$here/requirements.txt" | tr -d ' ')
if [ ! -e "$packages" ]; then
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --require-hashes --only-binary :all: \
    --target "$packages.$$" --requirement "$here/requirements.txt"
  mv "$packages.$$" "$packages"
fi
make_samples
PYTHONPATH=$packages PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE
compare python3 "$here/read.py" "$samples"
