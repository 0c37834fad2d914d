#!/bin/sh
# A stranger's build without CMake: pkg_config.sh PREFIX LIBDIR CXX CC. Compiles the two programs by what pkg-config says, runs them.
set -eu
prefix=$1 libdir=$2 cxx=$3 cc=$4
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
export PKG_CONFIG_PATH="$prefix/$libdir/pkgconfig" LD_LIBRARY_PATH="$prefix/$libdir"
flags() { pkg-config --cflags --libs "$1"; }
# shellcheck disable=SC2046  # words on purpose
"$cxx" -std=c++20 -Wall -Wextra -Wpedantic -Werror "$here/main.cpp" -o "$place/cpp" $(flags ringbolt)
"$place/cpp" "$place/ring"
# shellcheck disable=SC2046
"$cc" -std=c99 -Wall -Wextra -Wpedantic -Werror "$here/main.c" -o "$place/c" $(flags ringbolt-c)
"$place/c" "$place/ring"
