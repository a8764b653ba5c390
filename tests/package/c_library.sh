# libsegface as it is installed: its header in C and C++, its symbols, its name, its interface against the stored one, and
# programs that find it by pkg-config and by CMake.
#   SEGFACE_BUILD=FOLDER sh c_library.sh          a build that is complete
#   SEGFACE_STORE_ABI=1 ... sh c_library.sh       stores the interface, where it was changed on purpose
. "$(dirname "$0")/common.sh"
header='#include <segface/c/segface.h>'
photo=$root/tests/data/images/astronaut_256x256.png
command -v gcc >/dev/null || skip "no gcc"

for language in "c -std=c99" "c -std=c11" "c++ -std=c++11" "c++ -std=c++20"; do
  for compiler in gcc clang; do
    command -v $compiler >/dev/null || continue
    printf '%s\n%s\n' "$header" "$header" | try $compiler -x $language -pedantic-errors $warnings -fsyntax-only -I "$root/include" -
  done
done

try cmake --install "$SEGFACE_BUILD" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/installed"  # it may be moved
library=$(find "$work/installed" -name 'libsegface.so.*')
version=$(sed -n 's/.*SEGFACE_VERSION_STRING "\(.*\)".*/\1/p' "$root/include/segface/base/config.hpp")
readelf -d "$library" | grep -q "SONAME.*\[libsegface.so.${version%.*}\]"
if readelf -d "$library" | grep -E 'NEEDED.*(stdc\+\+|gcc_s)'; then exit 1; fi

# All that it shows is what the header declares.
nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$work/shown"
sed -n 's/^SEGFACE_C .*[ *]\(segface_[a-z_]*\)(.*/\1/p' "$root/include/segface/c/segface.h" | sort | diff - "$work/shown"

# Layouts and signatures are those that are stored; functions may be added, and what grows on purpose is stored anew.
if command -v abidw >/dev/null; then
  try g++ -std=c++17 -g -fPIC -shared -fvisibility=hidden -DSEGFACE_C_BUILD -ffile-prefix-map="$root/=" -I "$root/include" \
    -isystem /usr/include/stb -Wl,--version-script="$root/cmake/segface-c.map",-soname,libsegface.so "$root"/include/segface/c/*.cpp -o "$work/libsegface.so"
  abidw --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed --drop-undefined-syms --drop-private-types \
    --exported-interfaces-only --headers-dir "$root/include/segface/c" "$work/libsegface.so" >"$work/now.abi"
  if [ -n "${SEGFACE_STORE_ABI-}" ]; then cp "$work/now.abi" "$here/c/interface.abi"; fi
  try abidiff --no-added-syms "$here/c/interface.abi" "$work/now.abi"
else
  echo "not compared with the stored interface: no abidw (abigail-tools)"
fi

example=$root/examples/05_c.c
export LD_LIBRARY_PATH="$(dirname "$library")"
data=$work/installed/share/segface
run() { try "$1" "$data/demo.safetensors" "$data/finder.safetensors" "$photo" "$work/$2_labels.png" "$work/$2_overlay.png"; }
export PKG_CONFIG_PATH="$LD_LIBRARY_PATH/pkgconfig"
if command -v pkg-config >/dev/null; then
  try gcc -std=c99 $warnings "$example" $(pkg-config --cflags --libs segface) -o "$work/by_pkg_config"
  run "$work/by_pkg_config" pkg_config
  try pkg-config --exists "segface = $version"
  for other in "> $version" "< $version"; do
    if try pkg-config --exists "segface $other"; then exit 1; fi
  done
fi
try cmake -S "$here/c" -B "$work/host" -DPROGRAM="$example" -DCMAKE_PREFIX_PATH="$work/installed"
try cmake --build "$work/host"
run "$work/host/program" cmake

# The labels of the command line, and the photo that is no photo.
try "$work/installed/bin/segface" parse "$photo" -q --mask "$work/labels.png" --overlay "$work/overlay.png"
cmp "$work/labels.png" "$work/cmake_labels.png"
cmp "$work/overlay.png" "$work/cmake_overlay.png"
if "$work/host/program" "$data/demo.safetensors" "$data/finder.safetensors" "$example" a b 2>"$work/said"; then exit 1; fi
grep -q "^unsupported_image: .*05_c.c" "$work/said"
