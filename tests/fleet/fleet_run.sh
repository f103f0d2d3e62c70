#!/bin/sh
# fleet_run.sh SUITE DEVICE PROGRAM [ARGUMENT...]: runs a Vulkan program on a device of the fleet that fleet_setup.sh
# unpacked. Hardware drivers compile for real, but what is submitted does nothing; lvp and sws execute.
#   amd:navi31 amd:polaris10 ...   intel:dg2 intel:skl ...   nv:162 ... (NVK, chipset in hex)   lvp[:128|:256|:512]   sws
#   sid only: adreno:740 ... apple:13; arm64 programs, under qemu: mali:7212 ... (GPU id in hex), v3d, pvr, lvp64
# The program runs under the suite's own C library, so it must be linked against one that is not newer.
set -eu
suite=$1 device=$2 program=$3
shift 3
cache=${XDG_CACHE_HOME:-$HOME/.cache}/octavo-fleet
fleet=$cache/$suite
family=${device%%:*}
model=${device#"$family"}
model=${model#:}
arch=amd64 triplet=x86_64-linux-gnu driver='' shim='' variables=''
case $family in
amd) driver=radeon shim=amdgpu variables="AMDGPU_GPU_ID=$model" ;;
intel) driver=intel shim=intel variables="INTEL_STUB_GPU_PLATFORM=$model INTEL_FORCE_PROBE=*" ;;
nv) driver=nouveau shim=nouveau variables="NOUVEAU_CHIPSET=0x$model NVK_I_WANT_A_BROKEN_VULKAN_DRIVER=1" ;;
adreno) driver=freedreno shim=freedreno variables="FD_GPU_ID=$model" ;;
apple) driver=asahi shim=asahi ;;
mali) arch=arm64 driver=panfrost shim=panfrost variables="PAN_GPU_ID=$model PAN_I_WANT_A_BROKEN_VULKAN_DRIVER=1" ;;
v3d) arch=arm64 driver=broadcom shim=v3d ;;
pvr) arch=arm64 driver=powervr_mesa shim=powervr variables="PVR_I_WANT_A_BROKEN_VULKAN_DRIVER=1" ;;
lvp) driver=lvp ;;
lvp64) arch=arm64 driver=lvp ;;
sws) driver=$cache/swiftshader/vk_swiftshader_icd.json ;;
*)
    echo "fleet_run: unknown device $device" >&2
    exit 2
    ;;
esac
case $family in
lvp*) [ -z "$model" ] || variables="LP_NATIVE_VECTOR_WIDTH=$model" ;;
esac
[ "$arch" = amd64 ] || triplet=aarch64-linux-gnu
root=$fleet/$arch/root
libraries=$root/usr/lib/$triplet
case $driver in
/*) ;;
*) driver=$root/usr/share/vulkan/icd.d/${driver}_icd.json ;;
esac
case $shim in
'') ;;
intel) shim=$fleet/libintel_noop_drm_shim.so ;;
*) shim=$libraries/lib${shim}_noop_drm_shim.so ;;
esac
for file in "$libraries" "$driver" $shim; do
    [ -e "$file" ] || { echo "fleet_run: $device needs $file (run fleet_setup.sh $suite $arch)" >&2; exit 3; }
done
case $program in
*/*) ;;
*) program=$(command -v "$program") ;;
esac

set -f # INTEL_FORCE_PROBE holds a star
if [ "$arch" = arm64 ]; then
    set -- "$program" "$@"
    for variable in $variables MESA_SHADER_CACHE_DISABLE=true "VK_DRIVER_FILES=$driver" "VK_ICD_FILENAMES=$driver" \
        "LD_LIBRARY_PATH=$libraries" ${shim:+"LD_PRELOAD=$shim"}; do
        set -- -E "$variable" "$@"
    done
    exec "$(command -v qemu-aarch64-static || echo qemu-aarch64)" -L "$root" "$@"
fi
exec env $variables MESA_SHADER_CACHE_DISABLE=true "VK_DRIVER_FILES=$driver" "VK_ICD_FILENAMES=$driver" \
    'VK_LOADER_LAYERS_DISABLE=~implicit~' "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" \
    ${shim:+--preload "$shim"} "$program" "$@"
