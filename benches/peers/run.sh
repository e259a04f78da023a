#!/bin/sh
# Runs one of the scripts beside it: run.sh SCRIPT [ARGUMENT ...]. Their packages go to a virtual environment below target/
# on first use; a script with requirements of its own gets an environment of its own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
script=$1
shift
name=${script%.py}
if [ -e "$here/$name.requirements.txt" ]; then
    requirements=$here/$name.requirements.txt
    venv=$here/../../target/peers-venv-$name
else
    requirements=$here/requirements.txt
    venv=$here/../../target/peers-venv
fi
if ! cmp -s "$requirements" "$venv/installed.txt"; then
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" >&2
    cp "$requirements" "$venv/installed.txt"
fi
exec "$venv/bin/python" "$here/$script" "$@"
