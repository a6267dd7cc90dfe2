#!/bin/sh
# Fuzzes each verifier and each parser for some seconds: run.sh [SECONDS [TARGET...]]
# What was found interesting is kept under .local/fuzz and is where the next run begins.
set -eu
seconds=${1:-60}
[ $# -eq 0 ] || shift

cd "$(dirname "$0")"
root=$(cd ../../.. && pwd)

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "fuzzing needs a nightly compiler, for the instructions that count coverage: rustup toolchain install nightly" >&2
    exit 1
fi
if ! command -v cargo-fuzz >/dev/null; then
    echo "fuzzing needs cargo-fuzz: cargo install cargo-fuzz" >&2
    exit 1
fi

# The recorded deliveries, with the fields in front of the body that a target reads.
seed_from_events() {
    for event in "$root"/events/"${1%%_*}"-*.json; do
        seed=$2/$(basename "$event")
        case $1 in
            shopify_parse)
                printf '%s\n' orders/paid example-shop.myshopify.com b54557e4 98880550 2026-10-01T22:28:10Z >"$seed" ;;
            asana_parse) printf '%s\n' https://hooks.example.com/webhook/asana/3f9c2d7e >"$seed" ;;
            *) : >"$seed" ;;
        esac
        sed 's/\${[A-Z_]*}/12345678/g' "$event" >>"$seed"
    done
}

cargo +nightly fuzz build --fuzz-dir .
# shellcheck disable=SC2048 # names of targets
for target in ${*:-$(cargo +nightly fuzz list --fuzz-dir .)}; do
    corpus=$root/.local/fuzz/$target
    mkdir -p "$corpus"
    cp seeds/"$target"/* "$corpus"
    case $target in
        *_parse)
            seed_from_events "$target" "$corpus"
            cat dictionaries/json.dict dictionaries/fields.dict >"$corpus.dict" ;;
        *) cp dictionaries/signatures.dict "$corpus.dict" ;;
    esac
    echo "== $target, $seconds s"
    cargo +nightly fuzz run --fuzz-dir . "$target" "$corpus" -- \
        -max_total_time="$seconds" -dict="$corpus.dict" -max_len=8192 -timeout=10 -print_final_stats=1
done
