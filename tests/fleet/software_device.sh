#!/bin/sh
# software_device.sh lvp[:128|:256|:512] | sws: prints, as NAME=VALUE words for env(1), what makes the Vulkan loader take
# exactly one software device: lavapipe of this machine at a vector width in bits (subgroup size = bits / 32), or
# SwiftShader. Example: env $(sh tests/fleet/software_device.sh lvp:256) ctest --test-dir build/dev -L gpu
# What lavapipe compiles is kept in a folder for each width: in a common one, Mesa 22.3 takes the machine code of another
# width for its own.
# SwiftShader comes with Debian's chromium-common, of which only that library is unpacked into the cache.
set -eu
cache=${XDG_CACHE_HOME:-$HOME/.cache}/octavo-fleet

fetch_swiftshader() {
    command -v apt-get >/dev/null || { echo "software_device: SwiftShader needs apt-get" >&2; return 1; }
    echo "software_device: fetching SwiftShader" >&2
    rm -rf "$cache/swiftshader.new"
    mkdir -p "$cache/swiftshader.new"
    (
        cd "$cache/swiftshader.new"
        apt-get -qq -o APT::Sandbox::User="$(id -un)" download chromium-common >&2
        dpkg --fsys-tarfile chromium-common_*.deb | tar -x --strip-components=4 --wildcards './usr/lib/chromium/*swiftshader*'
        rm chromium-common_*.deb
        [ -e libvk_swiftshader.so ] && [ -e vk_swiftshader_icd.json ]
    )
    rm -rf "$cache/swiftshader"
    mv "$cache/swiftshader.new" "$cache/swiftshader"
}

case ${1:-} in
lvp | lvp:*)
    manifest=
    for candidate in /usr/share/vulkan/icd.d/lvp_icd*.json; do
        [ -e "$candidate" ] && manifest=$candidate
    done
    [ -n "$manifest" ] || { echo "software_device: no lavapipe here (package mesa-vulkan-drivers)" >&2; exit 1; }
    width=${1#lvp}
    shaders=$cache/lavapipe${width:+-${width#:}}
    mkdir -p "$shaders"
    printf 'MESA_SHADER_CACHE_DIR=%s ' "$shaders"
    [ -z "$width" ] || printf 'LP_NATIVE_VECTOR_WIDTH=%s ' "${width#:}"
    ;;
sws)
    manifest=$cache/swiftshader/vk_swiftshader_icd.json
    [ -e "$manifest" ] || fetch_swiftshader
    ;;
*)
    echo "usage: software_device.sh lvp[:128|:256|:512] | sws" >&2
    exit 2
    ;;
esac
# the two names are what loaders before and since 1.3.207 read
printf 'VK_DRIVER_FILES=%s VK_ICD_FILENAMES=%s\n' "$manifest" "$manifest"
