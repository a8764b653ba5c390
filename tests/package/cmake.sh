# The package in a host project: add_subdirectory, FetchContent, and find_package after an installation.
. "$(dirname "$0")/common.sh"

try cmake -S "$root" -B "$work/library" -DSEGFACE_BUILD_TOOLS=OFF -DSEGFACE_BUILD_C=OFF -DSEGFACE_BUILD_TESTS=OFF \
  -DSEGFACE_BUILD_EXAMPLES=OFF -DCMAKE_INSTALL_PREFIX="$work/installed"
try cmake --install "$work/library"

for way in add_subdirectory fetch_content find_package; do
  try cmake -S "$here" -B "$work/$way" -DWAY=$way -DSEGFACE_ROOT="$root" \
    -DCMAKE_PREFIX_PATH="$work/installed"
  try cmake --build "$work/$way"
  try "$work/$way/parse" "$weights"
  try "$work/$way/parse_compiled" "$weights"
done

# Of the versions that a host may ask for, those that are newer are refused, and those of another minor version.
version=$(sed -n 's/.*SEGFACE_VERSION_STRING "\(.*\)".*/\1/p' "$root/include/segface/base/config.hpp")
interface=${version%.*}
others="$((${version%%.*} + 1)).0 ${version%%.*}.$((${interface#*.} + 1)) $interface.$((${version##*.} + 1)) 0.0"
mkdir "$work/versions"
cat >"$work/versions/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.20)
project(host LANGUAGES CXX)
foreach(asked $others)
  find_package(segface \${asked} QUIET)
  if(segface_FOUND OR NOT segface_CONSIDERED_VERSIONS STREQUAL $version)
    message(FATAL_ERROR "asked for \${asked}: found is '\${segface_FOUND}', of '\${segface_CONSIDERED_VERSIONS}'")
  endif()
endforeach()
foreach(asked $interface $version)
  find_package(segface \${asked} REQUIRED)
endforeach()
CMAKE
try cmake -S "$work/versions" -B "$work/asked" -DCMAKE_PREFIX_PATH="$work/installed"

# The host installs its program, and nothing of ours comes along.
try cmake --install "$work/add_subdirectory" --prefix "$work/host"
test "$(cd "$work/host" && find . -type f)" = ./bin/parse
