# The package for Conan by `conan create`: the headers, which are one package for all settings, and libsegface; the host
# projects of its test_package parse. Takes conan, or PyPI.
. "$(dirname "$0")/common.sh"
conan=$(command -v conan || true)
if [ -z "$conan" ]; then
  command -v python3 >/dev/null || skip "no python3"
  python3 -m venv "$work/venv" 2>/dev/null || skip "no python3-venv"
  "$work/venv/bin/pip" install -q "conan>=2" >/dev/null 2>&1 || skip "no conan, and no packages of PyPI"
  conan=$work/venv/bin/conan
fi
export CONAN_HOME="$work/home"
clone "$work/clone"
cd "$work/clone"
version=$(sed -n 's/.*SEGFACE_VERSION_STRING "\(.*\)".*/\1/p' include/segface/base/config.hpp)
"$conan" profile detect >/dev/null 2>&1
"$conan" remote disable '*' >/dev/null  # nothing is needed from there

# create ARGUMENT...: where the package is, $package, and its files.
create() {
  try "$conan" create . --format=json "$@" >"$work/graph" 2>"$work/said" || { tail -n 40 "$work/said"; exit 1; }
  grep -E '^segface/.*\(test package\): (Running|RUN)' "$work/said" || true
  package=$(sed -n 's/.*"package_folder": "\(.*\)".*/\1/p' "$work/graph" | tail -n 1)
  (cd "$package" && find . -type f) >"$work/files"
}
# packages: how many binaries there are.
packages() { "$conan" list "segface/$version:*" --format=json 2>/dev/null | grep -c '"info": {'; }

create
grep -qx ./include/segface/segface.hpp "$work/files"
grep -qx ./licenses/LICENSE "$work/files"
if grep -E 'libsegface|\.safetensors$|/(tests|tools)/' "$work/files"; then exit 1; fi
create -s build_type=Debug -s compiler.cppstd=20 --test-folder=
test "$(packages)" -eq 1

create -o "segface/*:libsegface=True"
test "$(packages)" -eq 2
for file in lib/libsegface.so share/segface/finder.safetensors licenses/LICENSE.libfacedetection; do test -e "$package/$file"; done

# An older standard is refused with words.
if "$conan" create . -s compiler.cppstd=14 >"$work/said" 2>&1; then exit 1; fi
grep "(14) is lower than the required C++ standard (17)" "$work/said"
