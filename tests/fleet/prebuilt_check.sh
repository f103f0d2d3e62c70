#!/bin/sh
# prebuilt_check.sh [--write]: compiles what shaders/prebuilt/ and samples/octavo/shaders/prebuilt/ hold again, with Debian
# 13's glslang as fleet_setup.sh unpacked it, and fails where a module is not the same bit for bit or not valid. --write
# replaces the modules instead. The flags are those of cmake/octavo_shaders.cmake without debug information.
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
for module in shaders/prebuilt/*.spv samples/octavo/shaders/prebuilt/*.spv; do
    name=$(basename "$module" .spv)
    case $module in
    shaders/*)
        # octavo_variant(NAME .. SOURCE .. [DEFINES A=1 ..] ..), on one line
        variant=$(sed 's/#.*//' shaders/variants.cmake | tr '\n' ' ' | tr -s ' ' | sed 's/octavo_variant(/\n /g; s/)/ /g' |
            grep " NAME $name " || true)
        source=shaders/$(word_after SOURCE)
        environment=$(word_after TARGET_ENV)
        defines="-DOCTAVO_GLSL=1 -Ishaders -Ishaders/lib
            $(echo "$variant" | tr ' ' '\n' | sed -n '/^DEFINES$/,/^[A-Z_]*$/{/=/s/^/-D/p}')"
        ;;
    *)
        # octavo_sample_shader(TARGET SOURCE NAME [DEFINITION..] GLSLANG n)
        variant=$(sed -n "s/^octavo_sample_shader(\(.* $name .*\))$/\1/p" samples/CMakeLists.txt)
        source=samples/$(echo "$variant" | cut -d ' ' -f 2)
        environment=''
        defines=$(echo "$variant" | tr ' ' '\n' | sed -n '/=/s/^/-D/p')
        ;;
    esac
    [ -n "$variant" ] || { echo "$module: no list of shaders names such a module"; failed=1; continue; }
    environment=${environment:-vulkan1.1}
    tool glslangValidator --quiet -V --target-env "$environment" -g0 $defines -o "$built" "$source"
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
