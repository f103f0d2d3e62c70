#!/bin/sh
# test_layering.sh SOURCE_DIR: the rules of the house, read from the sources. Prints each breach; fails on any.
#   base knows nobody; gpu and format know base; cache and mask know format; attention knows all of these; api knows all;
#   samples know the public headers only. File names are unique. A file has at most 600 lines.
set -eu
cd "$1"
list=$(mktemp)
trap 'rm -f "$list"' EXIT
find include runtime shaders samples tests cmake -type f \( -name '*.[ch]' -o -name '*.cpp' -o -name '*.comp' -o -name '*.glsl' \
    -o -name '*.sh' -o -name '*.cmake' -o -name '*.py' -o -name '*.in' \) | sort >"$list"
[ -s "$list" ] || { echo "no sources below $1"; exit 1; }

breaches=$(
    # unicode_classes.c is a table; train.py is one file so that it can be carried to a machine with a GPU.
    while read -r file; do
        lines=$(wc -l <"$file")
        case $file in */unicode_classes.c | */train.py) continue ;; esac
        [ "$lines" -le 600 ] || echo "$file: $lines lines, the limit is 600"
    done <"$list"

    sed 's|.*/||' "$list" | sort | uniq -d | sed 's/$/: name of more than one file/'

    # Each source is in a build list, so nothing is left out silently.
    while read -r file; do
        case $file in
        runtime/*.c) grep -q "[ (]${file#runtime/}" runtime/CMakeLists.txt ;;
        samples/android/*) ;;
        samples/*.c) grep -q "[ (]${file#samples/}" samples/CMakeLists.txt ;;
        shaders/*.comp) grep -q "SOURCE ${file#shaders/}" shaders/variants.cmake ;;
        tests/unit/*.c | tests/gpu/*.c | tests/support/*.c | tests/fuzz/*.c | tests/abi/*.c)
            grep -q "[ (]${file#tests/}" tests/CMakeLists.txt ;;
        esac || echo "$file: in no list of CMakeLists.txt or variants.cmake"
    done <"$list"

    while read -r file; do sed -n "s|^[ ]*#[ ]*include[ ]*\([<\"][^>\"]*\)[>\"].*|$file \1|p" "$file"; done <"$list" | awk '
        BEGIN {
            may["base"] = "base"
            may["format"] = "base format"
            may["gpu"] = "base gpu"
            may["cache"] = "base format cache"
            may["mask"] = "base format mask"
            may["attention"] = "base format cache mask gpu attention"
            may["api"] = "base format cache mask gpu attention api"
            headers["base"] = headers["format"] = headers["cache"] = headers["mask"] = "status"
            headers["gpu"] = "status device"
        }
        function breach(text) { print $1 ": includes " substr($2, 2) ": " text }
        {
            split($1, path, "/")
            name = substr($2, 2)
            quoted = substr($2, 1, 1) == "\""
            public = match(name, /^octavo\//)
            if (path[1] == "include") {
                if (!public && name !~ /^(stddef|stdint)\.h$/ && name != "vulkan/vulkan_core.h")
                    breach("a public header includes public headers, stddef.h, stdint.h and vulkan_core.h only")
            } else if (path[1] == "runtime") {
                layer = path[2]
                if (!(layer in may)) { breach("unknown layer " layer); next }
                if (quoted && split(name, part, "/") > 1 && index(" " may[layer] " ", " " part[1] " ") == 0)
                    breach(layer " may not know " part[1])
                if (public && layer in headers) {
                    stem = name; sub(/^octavo\//, "", stem); sub(/\.h$/, "", stem)
                    if (index(" " headers[layer] " ", " " stem " ") == 0) breach(layer " may not know this public header")
                }
                if (name ~ /^vulkan\// && layer in headers && layer != "gpu") breach(layer " knows no Vulkan")
                if (name == "volk.h") breach("the library does not use volk")
                if (quoted && name == "shader_modules.h" && layer in headers) breach(layer " knows no kernels")
            } else if (path[1] == "samples" && quoted && (name ~ /^(base|format|gpu|cache|mask|attention|api)\// ||
                       name ~ /^(octavo_abi|octavo_records|shader_modules)\.h$/))
                breach("samples know the public headers only")
        }'
)
[ -z "$breaches" ] || { echo "$breaches"; exit 1; }
echo "$(wc -l <"$list") files keep the rules"
