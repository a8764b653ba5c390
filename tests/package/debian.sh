# Debian's packages, built by dpkg-buildpackage from the source archive of a release, looked at by lintian, and unpacked into
# a folder of their own: the command line parses there, so do Python and a program in C. Some minutes.
# Takes debhelper, dh-python, lintian and python3-numpy.
. "$(dirname "$0")/common.sh"
for command in git dpkg-buildpackage dh dh_python3 lintian pkg-config; do
  command -v $command >/dev/null || skip "no $command"
done
/usr/bin/python3 -c 'import numpy' 2>/dev/null || skip "no python3-numpy"
photo=$root/tests/data/images/astronaut_256x256.png

clone "$work/clone"
cd "$work/clone"
git init -q .
git add -A
git -c user.name=nobody -c user.email=nobody@segface.invalid commit -q -m "All"
try sh tools/release.sh --archive "$work"
archive=$(echo "$work"/segface-*.tar.gz)
version=${archive##*/segface-}
version=${version%.tar.gz}
rm -rf "$work/clone"
mv "$archive" "$work/segface_$version.orig.tar.gz"
cd "$work"
tar -xzf "segface_$version.orig.tar.gz"
cd "segface-$version"

# What README.md says, with its sources; without symbols for debuggers, which take half the time.
cp -r tools/debian .
dpkg-checkbuilddeps || skip "packages are missing"
export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-parallel=$(nproc)} noautodbgsym" DEB_CXXFLAGS_APPEND=-g0
try dpkg-buildpackage -us -uc >"$work/said" 2>&1 || { tail -n 60 "$work/said"; exit 1; }
cd "$work"
try lintian --fail-on error segface_*.changes

interface=${version%.*}
for package in *.deb; do
  name=${package%%_*}
  try dpkg -x "$package" "$work/root"
  dpkg-deb -c "$package" | awk -v name="$name" '$1 !~ /^d/ { print $6, name }'
  dpkg-deb -f "$package" Package Depends
done >"$work/contents"
grep -E '^(Package|Depends):' "$work/contents"
for name in "libsegface$interface" libsegface-dev segface python3-segface; do test -e $name"_$version-1_"*.deb; done
test "$(ls -- *.deb | wc -l)" -eq 4
twice=$(awk '/^\.\// { print $1 }' "$work/contents" | sort | uniq -d)
if [ -n "$twice" ]; then echo "in two packages: $twice"; exit 1; fi
library=$(dirname "$work"/root/usr/lib/*/libsegface.so.$interface)
if grep -rlF "$work" "$work/root"; then echo "these name the folder that they were built in"; exit 1; fi

# The installed program finds its weights; so does Python, with the same labels.
unset SEGFACE_WEIGHTS
installed=$work/root/usr/bin/segface
try "$installed" --version | grep "segface $version"
try "$installed" parse "$photo" -q --mask "$work/labels.png" --overlay "$work/overlay.png"
export PYTHONPATH="$work/root/usr/lib/python3/dist-packages" PYTHONDONTWRITEBYTECODE=1
/usr/bin/python3 - "$photo" "$work/python.png" "$version" <<'PYTHON'
import sys
import segface
assert segface.__version__ == sys.argv[3], segface.__version__
segface.parse(sys.argv[1]).save(sys.argv[2])
PYTHON
cmp "$work/labels.png" "$work/python.png"
/usr/bin/python3 -m segface --version | grep "segface $version"

# A program in C by pkg-config, which refuses what is too new, and by CMake.
export PKG_CONFIG_LIBDIR="$library/pkgconfig" LD_LIBRARY_PATH="$library"
test "$(pkg-config --modversion segface)" = "$version"
try gcc -std=c99 $warnings "$root/examples/05_c.c" $(pkg-config --cflags --libs "segface >= $version") -o "$work/by_pkg_config"
try cmake -S "$here/c" -B "$work/host" -DPROGRAM="$root/examples/05_c.c" -DCMAKE_PREFIX_PATH="$work/root/usr" >/dev/null
try cmake --build "$work/host" >/dev/null
for program in "$work/by_pkg_config" "$work/host/program"; do
  try "$program" "$work/root/usr/share/segface/demo.safetensors" "$work/root/usr/share/segface/finder.safetensors" "$photo" \
    "$work/c.png" "$work/c_overlay.png"
  cmp "$work/labels.png" "$work/c.png"
  rm "$work/c.png"
done
