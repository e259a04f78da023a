#!/bin/sh
# Runs one of the scripts beside it: run.sh SCRIPT [ARGUMENT ...]. Their packages go to a virtual environment below target/
# on first use.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=$here/../../target/peers-venv
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$venv/installed.txt"
fi
script=$1
shift
exec "$venv/bin/python" "$here/$script" "$@"
