"""segface for Conan 2: the headers, and with libsegface=True the library behind the C interface with its weights.

    conan create .
    conan create . -o "segface/*:libsegface=True"

find_package(segface) finds the package's own segface-config.cmake, so that targets are those of an installation. libsegface
is compiled with the system's Eigen and stb, of which nothing is left in it.
"""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load

required_conan_version = ">=2.0"


class SegfaceRecipe(ConanFile):
    name = "segface"
    description = "Face parsing: any photo in, every face found, a label for every pixel out"
    topics = ("face-parsing", "segmentation", "computer-vision")
    license = "MIT"
    settings = "os", "arch", "compiler", "build_type"
    options = {"libsegface": [True, False]}
    default_options = {"libsegface": False}
    exports_sources = "CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "tools/networks/*", "weights/*"
    test_package_folder = "tests/package/conan"

    def set_version(self):
        config = load(self, os.path.join(self.recipe_folder, "include", "segface", "base", "config.hpp"))
        self.version = re.search(r'SEGFACE_VERSION_STRING "([^"]+)"', config).group(1)

    def configure(self):
        self.package_type = "shared-library" if self.options.libsegface else "header-library"
        if self.options.libsegface:
            self.license = ("MIT", "BSD-3-Clause")  # of the finder's weights

    def validate(self):
        check_min_cppstd(self, 17)

    def layout(self):
        cmake_layout(self)

    def package_id(self):
        if not self.info.options.libsegface:
            self.info.clear()

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.user_presets_path = False
        for part in ("TOOLS", "TESTS", "EXAMPLES"):
            toolchain.cache_variables[f"SEGFACE_BUILD_{part}"] = False
        toolchain.cache_variables["SEGFACE_BUILD_C"] = bool(self.options.libsegface)
        toolchain.cache_variables["SEGFACE_LIBJPEG"] = False
        toolchain.cache_variables["CMAKE_COMPILE_WARNING_AS_ERROR"] = False
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        licenses = os.path.join(self.package_folder, "licenses")
        copy(self, "LICENSE", self.source_folder, licenses)
        if self.options.libsegface:
            copy(self, "LICENSE.*", os.path.join(self.source_folder, "weights"), licenses)

    def package_info(self):
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("lib", "cmake", "segface")]
        self.cpp_info.resdirs = [os.path.join("share", "segface")] if self.options.libsegface else []
        self.cpp_info.libs = ["segface"] if self.options.libsegface else []
        if not self.options.libsegface:
            self.cpp_info.bindirs, self.cpp_info.libdirs = [], []
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread"]
