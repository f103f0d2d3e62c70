# shellcheck shell=sh
# install_packages NEEDED_TOOLS PACKAGE...: for scripts to source. Installs the Debian packages that are missing, with apt
# as root or through sudo. Elsewhere it names what is missing and goes on when NEEDED_TOOLS, a list of commands, are all
# there. The names below hold in Debian 12 and 13.
octavo_build_tools='cmake ninja cc pkg-config glslangValidator spirv-val'
octavo_build_packages='cmake ninja-build gcc libc6-dev pkg-config glslang-tools spirv-tools libvulkan-dev libvulkan1
libvulkan-volk-dev mesa-vulkan-drivers libxxhash-dev libcjson-dev libopenblas-dev'
octavo_test_tools='ctest clang'
octavo_test_packages='g++ clang libclang-rt-dev check libspirv-cross-c-shared-dev vulkan-validationlayers python3 xz-utils'

missing_packages() {
    for package in "$@"; do
        state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || state=
        [ "$state" = installed ] || echo "$package"
    done | tr '\n' ' '
}

install_packages() {
    needed_tools=$1
    shift
    missing=''
    if command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
        missing=$(missing_packages "$@")
        [ -n "$missing" ] || return 0
        as_root=unknown
        if [ "$(id -u)" = 0 ]; then
            as_root=''
        elif command -v sudo >/dev/null 2>&1; then
            as_root='sudo'
        fi
        if [ "$as_root" != unknown ]; then
            echo "Installing $missing" >&2
            $as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >&2 || echo "apt-get update failed; trying what is known" >&2
            if $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
                -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install $missing </dev/null >&2; then
                return 0
            fi
        fi
        echo "These Debian packages are missing and could not be installed: $missing" >&2
    fi
    absent=''
    for tool in $needed_tools; do
        command -v "$tool" >/dev/null 2>&1 || absent="$absent $tool"
    done
    if [ -n "$absent" ]; then
        echo "Not found:$absent. Please install what Debian calls: ${missing:-$*}" >&2
        return 1
    fi
    [ -n "$missing" ] || echo "No apt here; the tools are there, CMake will look for the libraries" >&2
}
