#!/bin/sh
# test_install.sh SOURCE_DIR BUILD_DIR CMAKE GENERATOR CC CXX: installs the build into an empty prefix, then builds and runs
# applications in C and C++ against it, by find_package and by pkg-config, with the shared and the static library.
set -eu
source=$1 build=$2 cmake=$3 generator=$4 cc=$5 cxx=$6
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix="$work/an empty prefix"
here=$source/tests/install

"$cmake" --install "$build" --prefix "$prefix" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
pc=$(find "$prefix" -name octavo.pc)
library_dir=$(dirname "$(dirname "$pc")")
for file in "$prefix/include/octavo/octavo.h" "$library_dir/liboctavo.a" "$library_dir/liboctavo.so.0"; do
    [ -e "$file" ] || { echo "not installed: $file"; exit 1; }
done
grep -rlF -e "$source" -e "$build" "$prefix" --include='*.cmake' --include='*.pc' --include='*.h' && {
    echo "installed files name the source or build folder"
    exit 1
}

echo "find_package:"
"$cmake" -S "$here" -B "$work/consumer" -G "$generator" -D CMAKE_BUILD_TYPE=Release -D CMAKE_PREFIX_PATH="$prefix" \
    -D CMAKE_C_COMPILER="$cc" -D CMAKE_CXX_COMPILER="$cxx" >"$work/configure.log" || { cat "$work/configure.log"; exit 1; }
"$cmake" --build "$work/consumer" >"$work/build.log" || { cat "$work/build.log"; exit 1; }
for program in consumer_c_octavo consumer_cpp_octavo consumer_c_octavo_static consumer_cpp_octavo_static; do
    "$work/consumer/$program"
done

echo "pkg-config:"
export PKG_CONFIG_PATH="$library_dir/pkgconfig"
run_pair() { # NAME FLAGS...: both consumers with these flags
    name=$1
    shift
    "$cc" -std=c11 -o "$work/pc_c_$name" "$here/consumer_c.c" "$@"
    "$cxx" -std=c++17 -o "$work/pc_cpp_$name" "$here/consumer_cpp.cpp" "$@"
    LD_LIBRARY_PATH="$library_dir" "$work/pc_c_$name"
    LD_LIBRARY_PATH="$library_dir" "$work/pc_cpp_$name"
}
eval "run_pair shared $(pkg-config --cflags --libs octavo)"
mv "$library_dir/liboctavo.so" "$work/" # -loctavo finds the static library now
eval "run_pair static -DOCTAVO_STATIC $(pkg-config --static --cflags --libs octavo)"

if [ -x "$prefix/bin/octavo" ]; then # it finds its library by its own place
    mv "$work/liboctavo.so" "$library_dir/"
    "$prefix/bin/octavo" --help >/dev/null
fi
echo "installed and used"
