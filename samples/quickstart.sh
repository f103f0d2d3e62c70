#!/bin/sh
# quickstart.sh [PROMPT]: from a bare machine to text generated through the 3-bit cache. Installs what is missing (Debian:
# apt), builds, lists the Vulkan devices and generates on the best one, or on lavapipe, the processor as a Vulkan device.
# Safe to run again: only what changed is built.
set -eu
cd "$(dirname "$0")/.."
. samples/install_packages.sh
start=$(date +%s)
step() { printf '\n== %s (%s s)\n' "$*" $(($(date +%s) - start)) >&2; }

prompt=${1:-It was a bright morning, and the old captain}
octavo=build/release/octavo

step "1/4 packages"
install_packages "$octavo_build_tools" $octavo_build_packages

step "2/4 building"
cmake --preset release -DOCTAVO_BUILD_TESTS=OFF >&2
cmake --build build/release >&2

on_lavapipe() {
    for manifest in /usr/share/vulkan/icd.d/lvp_icd*.json; do
        VK_DRIVER_FILES=$manifest VK_ICD_FILENAMES=$manifest
    done
    export VK_DRIVER_FILES VK_ICD_FILENAMES
}

step "3/4 devices"
if ! "$octavo" devices; then
    echo "No usable device with this machine's drivers; taking lavapipe" >&2
    on_lavapipe
    "$octavo" devices
fi

step "4/4 generating"
generate() { "$octavo" generate --prompt "$prompt" --tokens 120 --temperature 0.8 --top-k 40 --seed 1; }
if ! generate; then
    [ -z "${VK_DRIVER_FILES:-}" ] || exit 1
    echo "Generating failed on this device; trying lavapipe" >&2
    on_lavapipe
    generate
fi

step "done: $octavo --help says more"
