#!/bin/sh
# test_exports.sh SOURCE_DIR NM STATIC_LIBRARY [SHARED_LIBRARY]: each function of the public headers is in the libraries;
# the shared one exports nothing else; the static one defines no name outside of octavo_.
set -eu
source=$1 nm=$2 static=$3 shared=${4:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Declarations run from OCTAVO_API to the semicolon; the name is what stands before the first parenthesis.
cat "$source"/include/octavo/*.h | tr '\n' ' ' | grep -o 'OCTAVO_API [^;#]*;' | sed -n 's/^\([^(]*[ *]\)\(octavo_[a-z0-9_]*\)(.*/\2/p' |
    sort -u >"$work/declared"
[ -s "$work/declared" ] || { echo "no declarations found"; exit 1; }

$nm --defined-only --extern-only "$static" | awk 'NF == 3 { print $3 }' | sort -u >"$work/defined"
sanitizer='^(__asan|__odr_asan|__tsan|__ubsan|__sancov|__start___sancov|__stop___sancov|asan\.|DW\.ref)'
{
    comm -23 "$work/declared" "$work/defined" | sed 's/$/: declared in a public header, defined nowhere/'
    grep -v '^octavo_' "$work/defined" | grep -vE "$sanitizer" | sed 's/$/: global name of the static library without octavo_/'
    if [ -n "$shared" ]; then
        $nm -D --defined-only "$shared" | awk 'NF == 3 { print $3 }' | sort -u >"$work/exported"
        comm -13 "$work/declared" "$work/exported" | sed 's/$/: exported, but in no public header/'
        comm -23 "$work/declared" "$work/exported" | sed 's/$/: declared in a public header, not exported/'
    fi
} >"$work/breaches"
[ ! -s "$work/breaches" ] || { cat "$work/breaches"; exit 1; }
echo "$(wc -l <"$work/declared") functions"
