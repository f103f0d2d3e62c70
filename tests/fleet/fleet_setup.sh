#!/bin/sh
# fleet_setup.sh [trixie|sid] [amd64|arm64]...: unpacks a Debian suite's Vulkan drivers, and the DRM shims that let them
# run without their GPU, into a cached folder; prints the folder. Nothing is installed and nothing runs as root.
# trixie does not move: it is the gate. sid knows newer chips. Only the amd64 half is on unless arm64 is named too.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
suite=${1:-trixie}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- amd64
fleet=${XDG_CACHE_HOME:-$HOME/.cache}/octavo-fleet/$suite

say() { echo "fleet_setup: $*" >&2; }
for tool in apt-get dpkg xz; do
    command -v "$tool" >/dev/null || { say "needs $tool"; exit 1; }
done

# The mirror that this machine's apt uses for Debian itself.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
[ -n "$mirror" ] || { say "apt lists no Debian mirror; run apt-get update"; exit 1; }
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keyring" ] || keyring=/usr/share/keyrings/debian-archive-keyring.pgp

# apt_private FOLDER ARCH SUITE apt-get's arguments: apt on its own lists, status and cache
apt_private() {
    state=$1/apt arch=$2 from=$3
    shift 3
    mkdir -p "$state/lists/partial" "$state/archives/partial" "$state/preferences"
    : >"$state/status"
    for kind in deb deb-src; do
        echo "$kind [signed-by=$keyring] $mirror $from main"
    done >"$state/sources.list"
    apt-get -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Dir::Etc::SourceList="$state/sources.list" \
        -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::PreferencesParts="$state/preferences" \
        -o Dir::State::Lists="$state/lists" -o Dir::State::status="$state/status" -o Dir::Cache="$state" \
        -o APT::Install-Recommends=false -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none \
        -o Debug::NoLocking=true "$@" >&2
}

# unpack FOLDER ARCH SUITE PACKAGE...: packages with all they depend on, into FOLDER/root
unpack() {
    folder=$1
    rm -rf "$folder"
    apt_private "$1" "$2" "$3" update
    arch=$2 from=$3
    shift 3
    apt_private "$folder" "$arch" "$from" -y -d install "$@" >/dev/null 2>&1
    mkdir -p "$folder/root"
    for package in "$folder"/apt/archives/*.deb; do
        dpkg -x "$package" "$folder/root"
    done
    # before Debian 14 the merge of /lib into /usr/lib is made by a maintainer script, which does not run here
    for link in lib lib64; do
        [ -e "$folder/root/$link" ] || ln -s "usr/$link" "$folder/root/$link"
    done
    rm -rf "$folder/apt"
}

# Manifests name their library bare or by a path under /usr: both become a path into the folder.
relocate_manifests() {
    for manifest in "$1"/root/usr/share/vulkan/icd.d/*.json "$1"/root/usr/share/vulkan/explicit_layer.d/*.json; do
        [ -e "$manifest" ] || continue
        sed -i "s#\"library_path\": *\"\(/usr/lib/$2/\)\{0,1\}\([^/\"]*\)\"#\"library_path\": \"$1/root/usr/lib/$2/\2\"#" "$manifest"
    done
}

for arch in "$@"; do
    # ready-N: raise N when what is unpacked changes
    [ -e "$fleet/$arch/ready-1" ] && continue
    say "unpacking the $arch drivers of $suite"
    layers=
    triplet=aarch64-linux-gnu
    [ "$arch" = amd64 ] && layers=vulkan-validationlayers triplet=x86_64-linux-gnu
    unpack "$fleet/$arch" "$arch" "$suite" mesa-vulkan-drivers mesa-drm-shim libvulkan1 libgcc-s1 $layers
    relocate_manifests "$fleet/$arch" "$triplet"
    touch "$fleet/$arch/ready-1"
done

# The compiler of the checked-in modules: see prebuilt_check.sh.
if [ "$suite" = trixie ] && [ ! -e "$fleet/shader-tools/ready-1" ]; then
    say "unpacking the shader compiler of $suite"
    unpack "$fleet/shader-tools" amd64 "$suite" glslang-tools spirv-tools
    touch "$fleet/shader-tools/ready-1"
fi

sh "$here/software_device.sh" sws >/dev/null || say "no SwiftShader"

shim=$fleet/libintel_noop_drm_shim.so
if [ -e "$fleet/amd64/ready-1" ] && [ ! -e "$shim" ]; then
    # No package holds this one. Debian 13's mesa is the source for both suites, python3-mako and libdrm its needs.
    say "building the Intel shim"
    build=$fleet/intel-build
    unpack "$build" amd64 trixie libdrm-dev
    apt_private "$build/python" amd64 trixie update
    (
        mkdir -p "$build/source" && cd "$build/source"
        apt_private "$build/python" amd64 trixie download python3-mako
        dpkg -x python3-mako_*.deb "$build/root"
        apt_private "$build/python" amd64 trixie download python3-markupsafe
        dpkg -x python3-markupsafe_*.deb "$build/root"
        apt_private "$build/python" amd64 trixie --download-only source mesa
        tar -xJf mesa_*.orig.tar.xz --strip-components=1 --wildcards '*/include' '*/src/drm-shim' '*/src/util' '*/src/c11' \
            '*/src/compiler/*.h' '*/src/intel/dev' '*/src/intel/common' '*/src/intel/tools/intel_noop*'
    )
    if sh "$here/intel_shim.sh" "$build/source" "$build/root" "$shim" >"$fleet/intel-shim.log" 2>&1; then
        rm -rf "$build"
    else
        say "the Intel shim does not build; see $fleet/intel-shim.log"
    fi
fi
echo "$fleet"
