# tools/release.sh refuses a clone whose versions or notices disagree, with a line that names the file, and one with changes
# that are not committed, and one whose commands fail; the archive is the same each time, and holds what was committed.
. "$(dirname "$0")/common.sh"
command -v git >/dev/null || skip "no git"
copy=$work/copy
clone "$copy"
cd "$copy"
version=$(sed -n 's/.*SEGFACE_VERSION_STRING "\(.*\)".*/\1/p' include/segface/base/config.hpp)
git init -q .
commit() { git add -A && git -c user.name=nobody -c user.email=nobody@segface.invalid commit -q -m "$1"; }
commit "All"

# refused WORDS ARGUMENT...: the script says these words, and makes no archive.
refused() {
  words=$1
  shift
  if sh tools/release.sh "$@" >"$work/said" 2>&1 || ! grep -qF -- "$words" "$work/said" || [ -n "$(find "$work" -name '*.tar.gz*')" ]; then
    cat "$work/said"
    echo "failed: release.sh $* does not refuse with '$words'"
    exit 1
  fi
}
# broken FILE SED WORDS: refused with one line that begins with the file, and these words in it, where the file is changed so.
broken() {
  sed -i -E "$2" "$1"
  if git diff --quiet -- "$1"; then echo "failed: nothing of $1 matches $2"; exit 1; fi
  refused "$3" --check
  grep -F -- "$3" "$work/said" | grep "^$1: "
  git checkout -q -- "$1"
}
broken include/segface/base/config.hpp 's/(VERSION_MINOR) .*/\1 7/' "SEGFACE_VERSION_MINOR is '7', expected"
broken include/segface/base/config.hpp 's/(ABI_NAMESPACE v)0_(.*)_no/\19_\2_no/' "SEGFACE_ABI_NAMESPACE is 'v9_"
broken include/segface/base/config.hpp 's/(VERSION_STRING) .*/\1 "next"/' "SEGFACE_VERSION_STRING is 'next', expected three numbers"
broken include/segface/c/segface.h 's/(define SEGFACE_VERSION) .*/\1 1999/' "SEGFACE_VERSION is '1999', expected"
broken tools/python/segface/_library.py 's/^INTERFACE = .*/INTERFACE = "0.9"/' "INTERFACE is '0.9', expected"
broken CHANGELOG.md 's/^## .*/## Next/' "the first heading is 'Next', expected '$version'"
broken pyproject.toml 's/^dynamic = .*/version = "9.9.9"/' "states a version of its own"
broken conanfile.py 's/SEGFACE_VERSION_STRING/VERSION/' "takes its version from elsewhere"
broken tests/package/CMakeLists.txt 's/(find_package\(segface) [0-9.]+/\1 9.9/' "find_package's version is '9.9', expected"
broken tools/debian/changelog 's/^segface \(.*-/segface (9.9.9-/' "the first version is '9.9.9', expected '$version'"
broken tools/debian/python3-segface.links 's/(libsegface\.so)\.[0-9.]+/\1.9.9/' "the library is 'libsegface.so.9.9', expected"
broken tools/debian/copyright 's/indirect, incidental/incidental/' "lacks the text of weights/LICENSE.libfacedetection"
broken tools/debian/copyright 's/2019 Timothy/2020 Timothy/' "does not name '2019 Timothy Esler'"
broken LICENSE 's/academic//' "does not tell the terms"
broken examples/web/site.cmake 's| weights/LICENSE.facenet-pytorch||' "does not name weights/LICENSE.facenet-pytorch"
broken pyproject.toml 's/^license = .*/license = "MIT"/' "leaves out the finder's"
broken weights/finder.safetensors 's/Timothy/Zimothy/' "has another text in its metadata than weights/LICENSE.facenet-pytorch"

# Everything is told at once.
sed -i 's/0\.[0-9]*\.[0-9]*"/9.9.9"/' include/segface/base/config.hpp
refused "release: refused" --check
[ "$(grep -c "expected '[^']*9" "$work/said")" -ge 10 ]
git checkout -q .

# Commits and tags.
echo >>README.md
refused "these files are not as they were committed" --archive "$work"
git checkout -q .
git tag "v$version"
echo >>README.md
commit "More"
refused "v$version is a tag of another commit" --archive "$work"
refused "usage:" --nonsense
git tag -d "v$version" >/dev/null

# A folder in somebody else's clone.
mkdir inside
git archive HEAD | tar -xf - -C inside
(cd inside && refused "this is no clone" --archive "$work/refused")
rm -r inside

# A command of README.md that does not work in what is released.
sed -i 's|sh tools/demo.sh|sh tools/none.sh|' README.md
commit "Name what is not there"
refused "release: refused; this failed: sh tools/none.sh" "$work/refused"
git reset -q --hard HEAD^

try sh tools/release.sh --archive "$work/one"
try sh tools/release.sh --archive "$work/two"
cmp "$work/one/segface-$version.tar.gz" "$work/two/segface-$version.tar.gz"
tar -xzf "$work/one/segface-$version.tar.gz" -C "$work"
git archive HEAD --prefix="committed/" | tar -xf - -C "$work"
diff -r "$work/committed" "$work/segface-$version"
