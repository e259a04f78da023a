#!/bin/sh
# Runs the loop that batchscore is compared with; its packages go to a virtual environment below target/ on first use.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=$here/../../target/peers-venv
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$venv/installed.txt"
fi
exec "$venv/bin/python" "$here/pyarrow_onnxruntime.py" "$@"
