// What `segface bench` does with a finder's weights.
#pragma once

#include <string>

#include "segface/base/memory.hpp"

namespace tool {

// Prints median milliseconds of the networks and, unless `photo` is empty, of finding its faces. Returns the exit code.
int bench_finder(const std::string& path, const std::string& photo, segface::Index threads, segface::Index runs,
                 bool json);

}  // namespace tool
