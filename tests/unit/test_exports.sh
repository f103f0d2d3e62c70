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
failed=0
report() { # TEXT, names on stdin
    names=$(cat)
    [ -z "$names" ] || { echo "$1:"; echo "$names"; failed=1; }
}

$nm --defined-only --extern-only "$static" | awk 'NF == 3 { print $3 }' | sort -u >"$work/defined"
comm -23 "$work/declared" "$work/defined" | report "declared in a public header, defined nowhere"
grep -v '^octavo_' "$work/defined" | grep -vE '^(__asan|__odr_asan|__tsan|__sancov|__ubsan|__lsan|asan\.|\.omp|DW\.ref)' |
    report "global names of the static library without octavo_"
if [ -n "$shared" ]; then
    $nm -D --defined-only "$shared" | awk 'NF == 3 { print $3 }' | sort -u >"$work/exported"
    comm -13 "$work/declared" "$work/exported" | report "exported, but not in a public header"
    comm -23 "$work/declared" "$work/exported" | report "declared in a public header, not exported"
fi
[ $failed = 0 ] && echo "$(wc -l <"$work/declared") functions"
exit $failed
