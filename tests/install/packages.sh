#!/usr/bin/env bash
# Debian's packages, used as somebody uses them who has nothing else of Ringbolt:
#
#   packages.sh unpacked DEBS VERSION    unpacked into a directory, which needs no rights
#   packages.sh installed DEBS VERSION   installed by dpkg over a copy of this machine's files, with the dependencies that they name;
#                                        the copy is an overlay in memory, and goes with the test. Needs root and mounts
#
# DEBS is the directory that they are in. CXX and CC say what to compile with. Exit status 77: skipped.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mode=$1 debs=$2 version=$3
architecture=$(dpkg --print-architecture)

fail() {
  printf 'packages: %s\n' "$*" >&2
  exit 1
}
skip() {
  printf '[  SKIPPED ] Packages.%s: %s\n' "$mode" "$*"
  exit 77
}
expect() { # expect WHAT GOT WANTED
  [[ $2 == "$3" ]] || fail "$1 is '$2', not '$3'"
}
field() { dpkg-deb --field "$debs/$1_${version}-1_$architecture.deb" "$2"; }
expect_dependency() { # expect_dependency PACKAGE PATTERN
  [[ ", $(field "$1" Depends), " =~ ,\ $2[\ ,] ]] || fail "$1 does not depend on $2 but on $(field "$1" Depends)"
}

packages=(libringbolt0 libringbolt-dev ringbolt-tools)
if compgen -G "$debs/python3-ringbolt_*.deb" >/dev/null; then packages+=(python3-ringbolt); fi

# What the packages say of themselves.
describe() {
  local package
  for package in "${packages[@]}"; do
    expect "the version of $package" "$(field "$package" Version)" "$version-1"
    [[ $(field "$package" Maintainer) == *" <"*"@"*">" ]] || fail "$package has no maintainer"
    [[ $(field "$package" Description) == "event ring in shared memory - "* ]] || fail "$package has no title"
    expect_dependency "$package" 'lib(c6|isal-dev)'
  done
  expect "the section of libringbolt0" "$(field libringbolt0 Section)" libs
  expect_dependency libringbolt0 libisal2
  expect_dependency libringbolt-dev "libringbolt0 \\(= $version-1\\)"
  expect_dependency ringbolt-tools 'libfmt[0-9]+'
  if [[ ${packages[*]} == *python3-ringbolt* ]]; then expect_dependency python3-ringbolt 'python3 \(>= 3.11\)'; fi
}

# Everything in them. The environment says where it is; `stranger` has the sources of programs that use it.
use() {
  local stranger=$1 rings=$2
  export RINGBOLT_DIR=$rings
  expect 'what ringbolt says of its version' "$(ringbolt --version)" "ringbolt $version"
  seq 1 100 | ringbolt pub orders 2>/dev/null
  expect 'what tail wrote' "$(ringbolt tail orders --raw --no-follow)" "$(seq 1 100)"

  cd "$stranger"
  # shellcheck disable=SC2046  # words on purpose
  "$CXX" -std=c++20 -Wall -Wextra -Wpedantic -Werror main.cpp -o cpp $(pkg-config --cflags --libs ringbolt)
  ./cpp "$rings/cpp" >/dev/null
  # shellcheck disable=SC2046
  "$CC" -std=c99 -Wall -Wextra -Wpedantic -Werror main.c -o c $(pkg-config --cflags --libs ringbolt-c)
  ./c "$rings/c"
  cmake -G Ninja -S . -B build -DCMAKE_CXX_COMPILER="$CXX" -DCMAKE_C_COMPILER="$CC" >cmake.log 2>&1 || fail "$(cat cmake.log)"
  cmake --build build >cmake.log 2>&1 || fail "$(cat cmake.log)"
  build/stranger "$rings/ring" >/dev/null

  [[ ${packages[*]} != *python3-ringbolt* ]] || /usr/bin/python3 - "$version" <<'PYTHON'
import importlib.metadata
import sys
import ringbolt

assert ringbolt.__version__ == importlib.metadata.version("ringbolt") == sys.argv[1], ringbolt.__version__
with ringbolt.Publisher("python") as publisher:
    publisher.publish(b"from python")
    with ringbolt.Consumer("python", name="test", policy="gate") as consumer:
        event = next(iter(consumer))
        assert (event.sequence, bytes(event)) == (1, b"from python"), event
        consumer.commit(event)
PYTHON
}

unpacked() {
  local package usr=$place/root/usr library
  describe
  for package in "${packages[@]}"; do dpkg-deb --extract "$debs/${package}_${version}-1_$architecture.deb" "$place/root"; done
  library=$(dirname "$(find "$usr/lib" -name 'libringbolt.so.0')")
  [[ -d $usr/share/man/man1 ]] || fail 'there is no manual'
  for package in ringbolt ringbolt-pub ringbolt-metrics; do
    [[ -s $usr/share/man/man1/$package.1.gz ]] || fail "the manual has no page $package"
  done
  # shellcheck disable=SC2016  # the inner shell's $1
  expect 'what bash is told' "$(bash --norc -c 'source "$1" && complete -p ringbolt' bash \
    "$usr/share/bash-completion/completions/ringbolt")" 'complete -F _ringbolt ringbolt'
  [[ -s $usr/share/zsh/vendor-completions/_ringbolt && -s $usr/share/fish/vendor_completions.d/ringbolt.fish ]] ||
    fail 'zsh or fish is not told'
  for package in "${packages[@]}"; do [[ -s $usr/share/doc/$package/copyright ]] || fail "$package has no copyright"; done
  export PATH=$usr/bin:$PATH LD_LIBRARY_PATH=$library PKG_CONFIG_PATH=$library/pkgconfig CMAKE_PREFIX_PATH=$usr
  export PYTHONPATH=$usr/lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1
  use "$place/stranger" "$rings"
}

# In the mount namespace of its own: makes the copy, and goes on in it.
overlaid() {
  local root=$place/root directory
  mkdir "$place/over"
  mount -t tmpfs overlay "$place/over" 2>/dev/null || skip 'needs to mount a tmpfs'
  mkdir "$place/over/upper" "$place/over/work" "$root"
  mount -t overlay -o "lowerdir=/,upperdir=$place/over/upper,workdir=$place/over/work" overlay "$root" 2>/dev/null ||
    skip 'needs to mount an overlay of the root'
  [[ -x $root/usr/bin/dpkg && -d $root/var/lib/dpkg/info ]] || skip 'needs /usr and /var on the file system of the root'
  for directory in proc sys dev; do mount --rbind "/$directory" "$root/$directory"; done
  mkdir "$root/test"
  cp -r "$place/stranger" "$here/packages.sh" "$debs"/*.deb "$root/test/"
  exec chroot "$root" env PATH=/usr/bin:/usr/sbin:/bin:/sbin:/usr/local/bin rings="$rings" bash /test/packages.sh inside /test "$version"
}

inside() {
  dpkg --install --force-unsafe-io "$debs"/*.deb >"$debs/log" 2>&1 || fail "dpkg: $(cat "$debs/log")"
  use /test/stranger "$rings"
  dpkg --purge "${packages[@]}" >"$debs/log" 2>&1 || fail "dpkg: $(cat "$debs/log")"
  [[ ! -e /usr/bin/ringbolt && ! -e /usr/include/ringbolt ]] || fail 'purged, and still there'
}

# The last two are its own, with what it hands them in `place` and `rings`.
if [[ $mode == inside ]]; then
  inside
  exit
fi
if [[ $mode == overlaid ]]; then
  mode=installed
  overlaid
fi
place=$(mktemp -d)
rings=$(mktemp -d /dev/shm/rb.XXXXXX)
chmod 755 "$rings"
trap 'rm -rf "$place" "$rings"' EXIT
mkdir "$place/stranger"
cp "$here"/{CMakeLists.txt,main.c,main.cpp} "$place/stranger/"
case $mode in
  unpacked) unpacked ;;
  installed)
    ((EUID == 0)) || skip 'needs root'
    unshare --mount true 2>/dev/null || skip 'needs mounts of its own'
    place=$place rings=$rings unshare --mount --propagation private bash "$here/packages.sh" overlaid "$debs" "$version"
    ;;
esac
