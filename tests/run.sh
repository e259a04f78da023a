#!/usr/bin/env bash
# Passes every test on a fresh Debian machine that has Rust: installs what the tests need, once, and runs them.
#
# Debian packages are installed only where they are missing, and only by root: a C compiler, Python, Node.js, OpenSSL and
# nginx, which is not started as a service. Everything else goes below target/:
#
# - Stores, which the tests of `stores` start on free ports of this machine and stop again: two that speak S3 (moto,
#   Python; s3s-fs, Rust), Azure's (azurite, Node.js) and Google's (gcp-storage-emulator, Python), with the clients that
#   the stores' makers give to Python programs (boto3, azure-storage-blob, google-cloud-storage).
# - Other writers of Parquet (pyarrow, Polars, DuckDB), whose files the tests of `foreign` read; tests/foreign/make.py
#   makes the files, and pyarrow says what is in them. With pandas they are also what the tests of `readers` read results
#   with.
# - The ONNX project's own tests of operators (onnx, Python; its later versions hold none); and ONNX Runtime (Python),
#   which the tests of `onnx_runtime` load, and which says what is right in the cases that tests/onnx/make_cases.py makes.
#
# Arguments are handed on to the tests: tests/run.sh policies runs the tests with `policies` in their name.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    echo "tests/run.sh: $*" >&2
    exit 1
}

# Installs Debian packages: need <command that tells whether they are there> -- <package>...
need() {
    local check=()
    while [ "$1" != -- ]; do
        check+=("$1")
        shift
    done
    shift
    "${check[@]}" >/dev/null 2>&1 && return
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "install $* (on Debian: apt-get install $*), or run this script as root"
    fi
    if [ -z "${apt_updated:-}" ]; then
        apt-get -qq update
        apt_updated=1
    fi
    # Nothing that is installed here is started: to Debian's scripts this machine is in its single-user mode.
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
    "${check[@]}" >/dev/null 2>&1 || fail "$* is installed, but \`${check[*]}\` still fails"
}

# Runs a command and shows what it said only if it fails.
quietly() {
    local said
    said="$("$@" 2>&1)" || fail "\`$*\` failed:
$said"
}

command -v cargo >/dev/null || fail "Rust is missing: install it from https://rustup.rs, then run this script again"
need cc --version -- gcc libc6-dev
# The module ensurepip is what Debian leaves out of python3.
need python3 -c "import ensurepip, venv" -- python3 python3-venv
need npm --version -- nodejs npm
need openssl version -- openssl
need nginx -v -- nginx-light

# Each is marked with what it holds, so that a change here installs it anew and nothing else does.
python=(
    "moto[s3]==5.2.5" "flask==3.1.3" "flask-cors==6.0.5" "gcp-storage-emulator==2026.7.19"
    "boto3==1.44.5" "azure-storage-blob==12.31.1" "google-cloud-storage==3.17.1"
    "pyarrow==26.0.1" "polars==2.1.0" "duckdb==2.0.0" "pandas==3.1.1"
    "onnx==1.18.0" "onnxruntime==1.31.1" "numpy==2.4.6"
)
azure=("azurite@3.35.0")
# Needs Rust 1.92; its later versions need 1.96.
s3s="s3s-fs@0.14.1"
mkdir -p target

if [ "$(cat target/test-venv/.holds 2>/dev/null)" != "${python[*]}" ]; then
    rm -rf target/test-venv
    quietly python3 -m venv target/test-venv
    quietly target/test-venv/bin/pip --quiet --disable-pip-version-check install "${python[@]}"
    echo "${python[*]}" >target/test-venv/.holds
fi
if [ "$(cat target/npm/.holds 2>/dev/null)" != "${azure[*]}" ]; then
    rm -rf target/npm
    mkdir -p target/npm
    # Without a package.json npm would look for one in the folders above.
    echo '{"private": true}' >target/npm/package.json
    quietly npm --prefix target/npm --silent --no-fund --no-audit --no-update-notifier install "${azure[@]}"
    echo "${azure[*]}" >target/npm/.holds
fi
if [ "$(cat target/s3s/.holds 2>/dev/null)" != "$s3s" ]; then
    rm -rf target/s3s
    # A test's server need not be fast, but its build should be.
    CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=64 quietly \
        cargo install --quiet --locked --root target/s3s --target-dir target/s3s/build --features binary "$s3s"
    rm -rf target/s3s/build
    echo "$s3s" >target/s3s/.holds
fi
if ! cmp -s tests/foreign/make.py target/foreign/.made-by; then
    rm -rf target/foreign
    quietly target/test-venv/bin/python tests/foreign/make.py target/foreign
    cp tests/foreign/make.py target/foreign/.made-by
fi
if ! cmp -s tests/onnx/make_cases.py target/onnx-cases/.made-by; then
    quietly target/test-venv/bin/python tests/onnx/make_cases.py target/onnx-cases
    cp tests/onnx/make_cases.py target/onnx-cases/.made-by
fi

# A snapshot that differs is a failure; it is never rewritten here.
export INSTA_UPDATE="${INSTA_UPDATE:-no}"

exec cargo test --quiet --release --no-fail-fast --lib --bins --tests -- "$@"
