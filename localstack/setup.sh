#!/bin/sh
# Prepares a clone: checks for what must be there already, then installs the rest under .local/.
# Needs no root, changes nothing outside the clone, and takes a moment when nothing has changed.
set -eu
cd "$(dirname "$0")/.."

at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

missing=""
lacks() { missing="$missing
  - $1"; }

check_requirements() {
    rust_wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    rust_found=$(rustc --version 2>/dev/null | cut -d ' ' -f 2) || true
    if ! command -v cargo >/dev/null || ! at_least "${rust_found:-0}" "$rust_wanted"; then
        lacks "Rust $rust_wanted or newer (cargo, rustc; found: ${rust_found:-none}): https://rustup.rs"
    fi

    command -v cc >/dev/null || lacks "a C compiler (cc): apt install build-essential, or your system's"

    python=""
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || lacks "Python 3.10 to 3.14 with venv: apt install python3-venv, or https://www.python.org"

    terraform_found=$(terraform version 2>/dev/null | sed -n 's/^Terraform v//p') || true
    at_least "${terraform_found:-0}" 1.10 ||
        lacks "Terraform 1.10 or newer (found: ${terraform_found:-none}): https://developer.hashicorp.com/terraform/install"

    if [ -n "$missing" ]; then
        echo "Zixly needs these on this machine first:$missing" >&2
        exit 1
    fi
}

install_venv() {
    # The place is part of the stamp: a virtual environment does not survive a move of its folder.
    stamp="$(cksum < localstack/requirements.txt) $("$python" --version) $PWD"
    if [ "$(cat .local/venv/.stamp 2>/dev/null)" = "$stamp" ] && .local/venv/bin/python -c '' 2>/dev/null; then
        return
    fi
    echo "Installing the local AWS, PostgreSQL, cargo-lambda and schemathesis into .local/venv (670 MB) ..."
    rm -rf .local/venv
    "$python" -m venv .local/venv
    quiet=--quiet
    [ ! -t 1 ] || quiet=
    .local/venv/bin/python -m pip install $quiet --disable-pip-version-check --requirement localstack/requirements.txt
    echo "$stamp" > .local/venv/.stamp
}

# PgBouncer serves the tests only, so a machine without it can still run the demo.
unpack_pgbouncer() {
    if [ -x .local/pgbouncer/usr/sbin/pgbouncer ] || PATH="$PATH:/usr/sbin" command -v pgbouncer >/dev/null; then
        return
    fi
    rm -rf .local/pgbouncer.new
    mkdir .local/pgbouncer.new
    if download_pgbouncer > .local/pgbouncer.log 2>&1; then
        rm -rf .local/pgbouncer
        mv .local/pgbouncer.new .local/pgbouncer
    else
        echo "PgBouncer is missing and could not be downloaded (see .local/pgbouncer.log): the demo works," \
            "the tests need it. Install it (apt install pgbouncer) and run this again." >&2
    fi
}

download_pgbouncer() (
    cd .local/pgbouncer.new
    if ! apt-cache show pgbouncer >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        apt-get update
    fi
    libraries=$(apt-cache depends pgbouncer | sed -n 's/^ *Depends: \(libevent.*\|libc-ares.*\)/\1/p')
    # shellcheck disable=SC2086 # a list of names
    apt-get download pgbouncer $libraries && for package in *.deb; do
        dpkg-deb --extract "$package" . || exit 1
    done && [ -x usr/sbin/pgbouncer ]
)

# Prism holds the connectors against the providers' own OpenAPI files, so it is of no use where those are not.
install_prism() {
    [ -d ../shared/specs ] || return 0
    if ! command -v npm >/dev/null; then
        echo "Node.js with npm is missing: the demo works, and the test of the connectors against the providers'" \
            "OpenAPI files is skipped. For it, install Node.js 18.20 or newer and run this again." >&2
        return 0
    fi
    stamp="$(cksum < localstack/prism/package-lock.json) $(node --version)"
    [ "$(cat .local/prism/.stamp 2>/dev/null)" != "$stamp" ] || return 0
    echo "Installing Prism into .local/prism (90 MB) ..."
    rm -rf .local/prism
    mkdir .local/prism
    cp localstack/prism/package.json localstack/prism/package-lock.json .local/prism
    if npm ci --prefix .local/prism --ignore-scripts --no-audit --no-fund --loglevel=error > .local/prism.log 2>&1; then
        echo "$stamp" > .local/prism/.stamp
    else
        echo "Prism could not be installed (see .local/prism.log): the demo works, the tests need it." >&2
    fi
}

check_requirements
mkdir -p .local
exec 9> .local/setup.lock
if command -v flock >/dev/null; then flock 9; fi
install_venv
unpack_pgbouncer
install_prism
