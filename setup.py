"""Compiles the extension with CMake, for `pip install .` and `pip wheel .`; pyproject.toml has the rest.

RINGBOLT_BUILD names a directory that CMake has configured already, such as `build`: then what is built there is taken.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = pathlib.Path(__file__).parent.resolve()
VERSION = re.search(r"^project\(ringbolt VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)[1]
NEEDLESS = ("COMMAND", "C", "EXAMPLES", "TESTS", "BENCH")


class CMakeBuild(build_ext):
    def build_extension(self, extension):
        build = os.environ.get("RINGBOLT_BUILD")
        if build is None:
            build = os.path.join(self.build_temp, "cmake")
            without = [f"-DRINGBOLT_BUILD_{part}=OFF" for part in NEEDLESS]
            subprocess.check_call(
                ["cmake", "-S", ROOT, "-B", build, f"-DPython3_EXECUTABLE={sys.executable}", "-DCMAKE_BUILD_TYPE=Release", *without]
            )
        subprocess.check_call(["cmake", "--build", build, "--parallel", "--target", "ringbolt_python"])
        place = pathlib.Path(self.get_ext_fullpath(extension.name))
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pathlib.Path(build) / "python" / "ringbolt" / "_ringbolt.abi3.so", place)
        subprocess.check_call(["strip", "--strip-unneeded", place])


# What setuptools writes on its way goes with it: `build` here is CMake's.
with tempfile.TemporaryDirectory() as scratch:
    setup(
        version=VERSION,
        ext_modules=[Extension("ringbolt._ringbolt", [], py_limited_api=True)],
        cmdclass={"build_ext": CMakeBuild},
        options={
            "build": {"build_base": scratch},
            "egg_info": {"egg_base": scratch},
            "bdist_wheel": {"py_limited_api": "cp311"},
        },
    )
