#!/usr/bin/env bash
# Passes every test on a fresh Debian machine that has Rust: installs what the tests need, once, and runs them.
#
# Debian packages are installed only where they are missing, and only by root. Everything else goes below target/:
# emulators of S3 (moto, Python) and of Azure's blob storage (azurite, Node.js), which the tests of module `stores`
# start on free ports of this machine and stop again; the ONNX project's own tests of operators (onnx, Python; its later
# versions hold none); and ONNX Runtime (Python), which the tests of `onnx_runtime` load, and which says what is right in
# the cases that tests/onnx/make_cases.py makes.
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
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
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

# Each is marked with what it holds, so that a change here installs it anew and nothing else does.
python=("moto[s3]==5.2.5" "flask==3.1.3" "flask-cors==6.0.5" "onnx==1.18.0" "onnxruntime==1.31.1" "numpy==2.4.6")
azure=("azurite@3.35.0")
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
if ! cmp -s tests/onnx/make_cases.py target/onnx-cases/.made-by; then
    quietly target/test-venv/bin/python tests/onnx/make_cases.py target/onnx-cases
    cp tests/onnx/make_cases.py target/onnx-cases/.made-by
fi

# A snapshot that differs is a failure; it is never rewritten here.
export INSTA_UPDATE="${INSTA_UPDATE:-no}"

exec cargo test --quiet --release --no-fail-fast --lib --bins --tests -- "$@"
