#!/bin/sh
# prebuilt_check.sh [--write]: compiles what shaders/prebuilt/ holds again, with Debian 13's glslang as fleet_setup.sh
# unpacked it, and fails where a module is not the same bit for bit or not valid. --write replaces the modules instead.
# The flags are those of cmake/octavo_shaders.cmake without debug information.
set -eu
cd "$(dirname "$0")/../.."
root=${XDG_CACHE_HOME:-$HOME/.cache}/octavo-fleet/trixie/shader-tools/root
[ -e "$root/usr/bin/glslangValidator" ] || { echo "prebuilt_check: run tests/fleet/fleet_setup.sh trixie first" >&2; exit 2; }
tool() { # NAME ARGUMENT...: under the suite's own C library
    program=$root/usr/bin/$1
    shift
    "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu" "$program" "$@"
}
word_after() { # KEYWORD of the variant in $variant
    echo "$variant" | sed -n "s/.* $1 \([^ ]*\).*/\1/p"
}

built=$(mktemp)
trap 'rm -f "$built"' EXIT
failed=0 checked=0
for module in shaders/prebuilt/*.spv; do
    name=$(basename "$module" .spv)
    # octavo_variant(NAME .. SOURCE .. [DEFINES A=1 ..] ..), on one line
    variant=$(sed 's/#.*//' shaders/variants.cmake | tr '\n' ' ' | tr -s ' ' | sed 's/octavo_variant(/\n /g; s/)/ /g' |
        grep " NAME $name " || true)
    [ -n "$variant" ] || { echo "$module: shaders/variants.cmake names no such variant"; failed=1; continue; }
    environment=$(word_after TARGET_ENV)
    environment=${environment:-vulkan1.1}
    defines=$(echo "$variant" | tr ' ' '\n' | sed -n '/^DEFINES$/,/^[A-Z_]*$/{/=/s/^/-D/p}')
    tool glslangValidator --quiet -V --target-env "$environment" -g0 -DOCTAVO_GLSL=1 $defines -Ishaders -Ishaders/lib \
        -o "$built" "shaders/$(word_after SOURCE)"
    tool spirv-val --target-env "$environment" "$built" || failed=1
    checked=$((checked + 1))
    if [ "${1:-}" = --write ]; then
        cp "$built" "$module"
    elif ! cmp "$built" "$module"; then
        echo "$module is not what its source compiles to: tests/fleet/prebuilt_check.sh --write"
        failed=1
    fi
done
echo "$checked modules compiled again"
[ "$failed" = 0 ] && [ "$checked" -gt 0 ]
