#!/usr/bin/env bash
# Measures the commit BASE and the working tree in turn, twice each, and prints how they compare. Each is measured by its
# own bench, on a database with its own migrations. The argument is `zixly`.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${BASE:-}" ] || { echo 'Say BASE=<commit>.' >&2; exit 2; }
base=$(git rev-parse --verify --quiet "$BASE^{commit}") || { echo "$BASE is no commit." >&2; exit 2; }
if ! git cat-file -e "$base:localstack/tests/speed/figures.rs" 2>/dev/null; then
    echo "$BASE cannot be compared: its bench tells no figures yet." >&2
    exit 2
fi
zixly=$1
here=$PWD
folder=$here/target/compare
there=$folder/base

build() {
    (
        cd "$1"
        export CARGO_TARGET_DIR=$1/target PATH="$here/.local/venv/bin:$PATH"
        cargo lambda build --release --lambda-dir "$1/target/compare/functions" \
            --package zixly-webhook --package zixly-worker
        cargo test --profile chaos --no-run --package zixly-localstack --test speed
    )
}

run() {
    (
        cd "$1"
        export CARGO_TARGET_DIR=$1/target FUNCTIONS=$1/target/compare/functions RUN=figures REPORT=$2
        "$zixly" services -- cargo test --profile chaos --quiet --package zixly-localstack --test speed >/dev/null
    )
}

build "$here"
git worktree prune
if [ -e "$there/.git" ]; then
    git -C "$there" checkout --quiet --force --detach "$base"
else
    # Kept, so that the next comparison compiles less. Its files are newer than what is compiled, so that of what is
    # copied only the registry's crates are taken as they are.
    mkdir -p "$folder"
    git worktree add --quiet --detach "$there" "$base"
    mkdir -p "$there/target"
    cp -a "$here/target/chaos" "$here/target/$(rustc -vV | sed -n 's/^host: //p')" "$there/target"
    ln -s "$here/.local" "$there/.local"
fi
build "$there"
for turn in 1 2; do
    run "$there" "$folder/base-$turn"
    run "$here" "$folder/this-$turn"
done

# The mean of both turns, and the working tree's divided by the base's.
printf '%-24s %12s %12s %8s\n' figure "$(git rev-parse --short "$base")" 'working tree' ratio
join <(cat "$folder"/base-[12] | sort) <(cat "$folder"/this-[12] | sort) | awk '
    { base[$1] += $2; this[$1] += $3; count[$1]++ }
    END {
        for (name in base) {
            ratio = base[name] > 0 ? this[name] / base[name] : 0
            printf "%-24s %12.3f %12.3f %8.2f\n", name, base[name] / count[name], this[name] / count[name], ratio
        }
    }' | sort
