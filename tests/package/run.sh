#!/bin/sh
# Uses the library as a host project would, in every way that the README names. CXX and CMAKE come from the caller.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CXX=${CXX:-c++}
CMAKE=${CMAKE:-cmake}
strict="-Wall -Wextra -Wconversion -Wshadow -Werror"
headers="-I$root/include -isystem /usr/include/eigen3"
say() { echo "-- $*"; }

say "added as a subdirectory, fetched, and found after an installation"
for way in add_subdirectory fetch_content; do
  "$CMAKE" -S "$here/$way" -B "$work/$way" -DSEGFACE_SOURCE="$root" -DCMAKE_CXX_COMPILER="$CXX" >/dev/null
done
"$CMAKE" -S "$root" -B "$work/install" -DSEGFACE_BUILD_TOOLS=OFF -DSEGFACE_BUILD_TESTS=OFF -DSEGFACE_BUILD_EXAMPLES=OFF \
  -DCMAKE_CXX_COMPILER="$CXX" >/dev/null
"$CMAKE" --install "$work/install" --prefix "$work/prefix" >/dev/null
"$CMAKE" -S "$here/find_package" -B "$work/find_package" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$CXX" >/dev/null
for way in add_subdirectory fetch_content find_package; do
  "$CMAKE" --build "$work/$way" >/dev/null
  "$work/$way/program"
done

say "one compiler line, and what it costs: at most 15 s and 1.5 GB"
begin=$(date +%s)
(ulimit -v 1572864 && "$CXX" -std=c++17 -O2 $strict "-I$root/include" "$here/program.cpp" -o "$work/program" -pthread)
took=$(($(date +%s) - begin))
echo "   $took s"
"$work/program"
[ "$took" -le 30 ] || { echo "too long, even for a busy machine"; exit 1; }

say "two halves of a program with different instruction-set flags"
if grep -qw avx512f /proc/cpuinfo 2>/dev/null; then flags=-mavx512f; else flags=-msse3; fi
"$CXX" -std=c++17 -O2 $strict $flags "-I$root/include" -c "$here/flags_a.cpp" -o "$work/a.o"
"$CXX" -std=c++17 -O2 $strict "-I$root/include" -c "$here/flags_b.cpp" -o "$work/b.o"
"$CXX" "$work/a.o" "$work/b.o" -o "$work/ab" -pthread
"$work/ab" "$root/weights/demo.safetensors"
"$CXX" "$work/b.o" "$work/a.o" -o "$work/ba" -pthread
"$work/ba" "$root/weights/demo.safetensors"

say "beside a host's own Eigen and stb"
"$CXX" -std=c++17 -O1 $headers "$here/own_eigen_and_stb.cpp" -o "$work/own" -pthread
"$work/own"

say "each header alone, in C++17 and C++20, without exceptions, with and without OpenMP"
for compiler in "$CXX" g++ clang++; do
  command -v "$compiler" >/dev/null || { echo "   $compiler is not installed, skipped"; continue; }
  for header in $(cd "$root/include" && find segface -name '*.hpp'); do
    printf '#include <%s>\n#include <%s>\n' "$header" "$header" >"$work/header.cpp"
    "$compiler" -std=c++17 -fsyntax-only $strict $headers "$work/header.cpp"
  done
  for option in -std=c++20 "-std=c++17 -fno-exceptions" "-std=c++17 -fopenmp"; do
    printf '#include <segface/segface.hpp>\n#include <segface/image/file.hpp>\n#include <segface/weights/convert.hpp>\n#include <segface/backends/reference.hpp>\n' >"$work/all.cpp"
    "$compiler" $option -fsyntax-only $strict $headers "$work/all.cpp"
  done
done
echo "the package works"
