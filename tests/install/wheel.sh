#!/usr/bin/env bash
# The wheel of the Python package is made, installed by pip into a directory, and used: wheel.sh BUILD VERSION.
set -euo pipefail
build=$1 version=$2
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import setuptools, wheel' && "$candidate" -m pip --version; then python=$candidate; fi
done &>/dev/null
if [[ ! $python ]]; then
  echo '[  SKIPPED ] Packages.wheel: needs pip, setuptools and wheel'
  exit 77
fi
place=$(mktemp -d)
rings=$(mktemp -d /dev/shm/rb.XXXXXX)
chmod 755 "$rings"
trap 'rm -rf "$place" "$rings"' EXIT

pip=("$python" -m pip --disable-pip-version-check --no-cache-dir --no-input -q)
RINGBOLT_BUILD=$build "${pip[@]}" wheel --no-build-isolation --no-index --no-deps --wheel-dir "$place" "$source"
wheel=("$place"/*.whl)
[[ ${wheel[*]##*/} == ringbolt-"$version"-cp311-abi3-linux_*.whl ]] || { echo "the wheel is ${wheel[*]}" >&2 && exit 1; }
"${pip[@]}" install --no-index --no-deps --target "$place/packages" "${wheel[0]}"

cd /
RINGBOLT_DIR=$rings PYTHONPATH=$place/packages "$python" - "$version" "$place" <<'PYTHON'
import importlib.metadata
import sys
import ringbolt

version, place = sys.argv[1:]
assert ringbolt.__file__.startswith(place), ringbolt.__file__
assert ringbolt.__version__ == importlib.metadata.version("ringbolt") == version
assert not importlib.metadata.requires("ringbolt")
with ringbolt.Publisher("wheel") as publisher:
    publisher.publish(b"from a wheel")
    with ringbolt.Consumer("wheel", name="test") as consumer:
        event = next(iter(consumer))
        assert (event.sequence, bytes(event)) == (1, b"from a wheel"), event
PYTHON
