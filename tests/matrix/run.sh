#!/usr/bin/env bash
# Scores models that other libraries exported, and compares with onnxruntime and with those libraries.
#
# Makes a Python environment, the models and their data below target/, once, and runs target/release/batchscore on
# each. Arguments are handed on to check.py: --only PART checks the models with PART in their name.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

venv=target/matrix-venv
models=target/matrix
binary=${BATCHSCORE:-${CARGO_TARGET_DIR:-target}/release/batchscore}
# The models are small: threads of the libraries would only wait for each other.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1

[ -n "${BATCHSCORE:-}" ] || cargo build --release --quiet

wanted="$(sha256sum tests/matrix/requirements.txt)"
if [ "$(cat "$venv/.holds" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" --quiet --disable-pip-version-check install --requirement tests/matrix/requirements.txt
    echo "$wanted" >"$venv/.holds"
fi

wanted="$(cat tests/matrix/*.py tests/matrix/requirements.txt | sha256sum)"
if [ "$(cat "$models/.holds" 2>/dev/null)" != "$wanted" ]; then
    "$venv/bin/python" tests/matrix/make.py "$models"
    echo "$wanted" >"$models/.holds"
fi

exec "$venv/bin/python" tests/matrix/check.py "$models" "$binary" "$@"
