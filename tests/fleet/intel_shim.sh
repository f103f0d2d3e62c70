#!/bin/sh
# intel_shim.sh MESA_SOURCE ROOT OUTPUT: builds Mesa's no-op DRM shim for Intel with the C compiler alone. ROOT holds the
# unpacked libdrm-dev and python3-mako. The sources below are the fewest that link.
set -eu
mesa=$1 root=$2 output=$3
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
PYTHONPATH=$root/usr/lib/python3/dist-packages
export PYTHONPATH

generated=$objects/generated
mkdir -p "$generated/dev" "$generated/intel"
ln -s ../dev "$generated/intel/dev"
(
    cd "$mesa/src/intel/dev"
    python3 gen_wa_helpers.py mesa_defs.json "$generated/dev/intel_wa.h" "$generated/dev/intel_wa.c"
    python3 intel_device_info_gen_h.py "$generated/dev/intel_device_info_gen.h"
    python3 intel_device_info_serialize_gen_c.py "$generated/dev/intel_device_info_serialize_gen.c"
)

compile() {
    ${CC:-cc} -std=gnu11 -O1 -w -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections -D_GNU_SOURCE -DNDEBUG \
        -D_FILE_OFFSET_BITS=64 -DPACKAGE_VERSION='"0"' -DHAVE_STRUCT_TIMESPEC -DHAVE_PTHREAD -DHAVE_ENDIAN_H \
        -DHAVE_LINUX_FUTEX_H -DHAVE_MEMFD_CREATE -DHAVE_SECURE_GETENV -DHAVE_FUNC_ATTRIBUTE_PACKED \
        -I"$generated" -I"$generated/dev" -I"$mesa/include" -I"$mesa/src" -I"$mesa/src/util" -I"$mesa/src/intel" \
        -I"$mesa/src/intel/dev" -I"$mesa/src/intel/common" -I"$mesa/src/drm-shim" -I"$root/usr/include" \
        -I"$root/usr/include/libdrm" "$@"
}
number=0
for source in "$mesa"/src/drm-shim/drm_shim.c "$mesa"/src/drm-shim/device.c "$mesa"/src/intel/tools/intel_noop_drm_shim.c \
    "$generated"/dev/*.c "$mesa"/src/intel/dev/intel_device_info.c "$mesa"/src/intel/dev/i915/intel_device_info.c \
    "$mesa"/src/util/hash_table.c "$mesa"/src/util/set.c "$mesa"/src/util/ralloc.c "$mesa"/src/util/vma.c \
    "$mesa"/src/util/u_debug.c "$mesa"/src/util/os_misc.c "$mesa"/src/util/anon_file.c "$mesa"/src/util/log.c \
    "$mesa"/src/util/u_process.c "$mesa"/src/util/futex.c "$mesa"/src/util/parson.c; do
    number=$((number + 1))
    compile -c -o "$objects/$number.o" "$source"
done
compile -shared -Wl,--no-undefined -Wl,--gc-sections -Wl,--allow-shlib-undefined -o "$output.new" "$objects"/*.o \
    -L"$root/usr/lib/x86_64-linux-gnu" -Wl,-rpath-link,"$root/usr/lib/x86_64-linux-gnu" -ldrm -ldl -lm -lpthread
mv "$output.new" "$output"
