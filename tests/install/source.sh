#!/usr/bin/env bash
# The archive of the source, made by `cpack`, is configured from where it was unpacked: source.sh BUILD VERSION.
set -euo pipefail
build=$1 version=$2
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cpack -G TGZ --config "$build/CPackSourceConfig.cmake" -B "$place" >"$place/log" 2>&1 || { cat "$place/log" >&2 && exit 1; }
tar -xf "$place/ringbolt-$version.tar.gz" -C "$place"
source=$place/ringbolt-$version
listed=$(cd "$source" && find . -maxdepth 1 -name '.?*' -o -maxdepth 1 -name 'build*' | sort | tr '\n' ' ')
[[ $listed == './.ci ./.clang-format ./.clang-tidy ./.gitignore ' ]] || { echo "the archive has $listed" >&2 && exit 1; }
cmake -G Ninja -S "$source" -B "$place/build" -DRINGBOLT_BUILD_BENCH=OFF >"$place/log" 2>&1 || { cat "$place/log" >&2 && exit 1; }
cmake --build "$place/build" --target help | grep 'ringbolt-command' >/dev/null
ctest --test-dir "$place/build" --show-only | grep 'core_tests' >/dev/null
