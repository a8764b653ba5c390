"""The host projects of this project's other package tests, with segface from Conan: `conan create .` runs them."""

import os

from conan import ConanFile
from conan.tools.build import can_run
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout


class SegfaceTest(ConanFile):
    settings = "os", "arch", "compiler", "build_type"
    generators = "VirtualRunEnv"

    def requirements(self):
        self.requires(self.tested_reference_str)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.user_presets_path = False
        toolchain.cache_variables["WAY"] = "find_package"
        toolchain.cache_variables["PROGRAM"] = self._clone("examples", "05_c.c")
        toolchain.generate()

    def _clone(self, *path):
        return os.path.abspath(os.path.join(self.recipe_folder, "..", "..", "..", *path))

    @property
    def _in_c(self):
        return self.dependencies["segface"].options.get_safe("libsegface", False)

    def build(self):
        cmake = CMake(self)
        cmake.configure(build_script_folder="../c" if self._in_c else "..")
        cmake.build()

    def test(self):
        if not can_run(self):
            return
        if self._in_c:
            weights = os.path.join(self.dependencies["segface"].package_folder, "share", "segface")
            files = [os.path.join(weights, name) for name in ("demo.safetensors", "finder.safetensors")]
            photo = self._clone("tests", "data", "images", "astronaut_256x256.png")
            self._run("program", *files, photo, "labels.png", "overlay.png")
        else:
            for program in ("parse", "parse_compiled"):
                self._run(program, self._clone("weights", "demo.safetensors"))

    def _run(self, program, *arguments):
        words = [os.path.join(self.cpp.build.bindir, program), *arguments]
        self.run(" ".join(f'"{word}"' for word in words), env="conanrun")
