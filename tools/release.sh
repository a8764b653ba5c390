#!/bin/sh
# Checks that this clone may be released, and makes its source archive: sh tools/release.sh [--check | --archive] [FOLDER]
#
# Versions and notices have to agree in all files that state them. Then the commit that is checked out becomes
# FOLDER/segface-VERSION.tar.gz (FOLDER: out), and the two commands that README.md begins with are run in what it unpacks to
# in an empty folder: some minutes to half an hour. --check stops before the archive, and looks at files as they are;
# --archive stops before the commands. All that disagrees is told at once, and the exit code is 1.
set -eu
usage() {
  echo "usage: sh tools/release.sh [--check | --archive] [FOLDER]" >&2
  exit 2
}
mode=
case ${1-} in
  --check | --archive) mode=$1 && shift ;;
  -*) usage ;;
esac
[ $# -le 1 ] || usage
folder=${1:-out}
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac
cd "$(dirname "$0")/.."
wrong=0

# refuse FILE WORDS...
refuse() {
  file=$1
  shift
  echo "$file: $*" >&2
  wrong=1
}
# agree FILE WHAT GOT EXPECTED
agree() {
  [ "$3" = "$4" ] || refuse "$1" "$2 is '${3:-missing}', expected '$4', of version $version in include/segface/base/config.hpp"
}
# first PATTERN FILE: what the parentheses in the first line that matches hold.
first() { sed -nE "s/.*$1.*/\\1/p" "$2" | head -n 1; }

# Versions: config.hpp has it, pyproject.toml and conanfile.py read it there.
config=include/segface/base/config.hpp
version=$(first 'SEGFACE_VERSION_STRING "([^"]*)"' $config)
if ! echo "$version" | grep -qxE '[0-9]+\.[0-9]+\.[0-9]+'; then
  echo "$config: SEGFACE_VERSION_STRING is '$version', expected three numbers" >&2
  exit 1
fi
major=${version%%.*} minor=${version#*.} patch=${version##*.}
minor=${minor%.*}
interface=$major.$minor
agree $config SEGFACE_VERSION_MAJOR "$(first 'SEGFACE_VERSION_MAJOR ([0-9]+)' $config)" "$major"
agree $config SEGFACE_VERSION_MINOR "$(first 'SEGFACE_VERSION_MINOR ([0-9]+)' $config)" "$minor"
agree $config SEGFACE_VERSION_PATCH "$(first 'SEGFACE_VERSION_PATCH ([0-9]+)' $config)" "$patch"
for name in $(sed -n 's/^#define SEGFACE_ABI_NAMESPACE \(v[0-9_]*[0-9]\).*/\1/p' $config); do
  agree $config "the namespace SEGFACE_ABI_NAMESPACE" "$name" "v${major}_${minor}_$patch"
done
header=include/segface/c/segface.h
agree $header SEGFACE_VERSION "$(first 'define SEGFACE_VERSION ([0-9]+)' $header)" $((major * 1000000 + minor * 1000 + patch))
python=tools/python/segface/_library.py
agree $python INTERFACE "$(first '^INTERFACE = "([^"]*)"' $python)" "$interface"
agree CHANGELOG.md "the first heading" "$(first '^## (.*)' CHANGELOG.md)" "$version"
agree tools/debian/changelog "the first version" "$(first '^segface \((.*)-[^-]*\)' tools/debian/changelog)" "$version"
for name in $({ cat tools/debian/control && ls tools/debian; } | grep -oE 'libsegface[0-9][0-9.]*[0-9]' | sort -u); do
  agree tools/debian "the library's package" "$name" "libsegface$interface"
done
for name in $(grep -oE 'libsegface\.so[0-9.]*' tools/debian/python3-segface.links | sort -u); do
  agree tools/debian/python3-segface.links "the library" "$name" "libsegface.so.$interface"
done
for host in $(grep -rlE 'find_package\(segface [0-9]' tests/package); do
  agree "$host" "find_package's version" "$(first 'find_package\(segface ([0-9.]+)' "$host")" "$interface"
done
for file in pyproject.toml conanfile.py; do
  grep -q 'SEGFACE_VERSION_STRING' $file || refuse $file "takes its version from elsewhere than $config"
  if grep -nE '^ *version *= *"' $file >&2; then refuse $file "states a version of its own; it reads that of $config"; fi
done

# Notices: licences of the weights that others made come along wherever these do, and say what their files say.
words() { tr -s ' \t\n' ' '; }
# holds TEXT PART
holds() {
  case $1 in *"${2:?}"*) ;; *) return 1 ;; esac
}
# terms FILE: a licence without its title and its copyright line.
terms() { awk '/^---$/ { exit } /^$/ && seen { on = 1 } /^Copyright/ { seen = 1 } on' "$1" | words; }
debian=$(sed 's/^ \.$//' tools/debian/copyright | words)
finder=$(head -c 65536 weights/finder.safetensors | LC_ALL=C tr -d '\0')
for licence in LICENSE weights/LICENSE.*; do
  holds "$debian" "$(terms "$licence")" || refuse tools/debian/copyright "lacks the text of $licence"
  holder=$(sed -nE 's/^Copyright \(c\) ([0-9-]+),? ([^,]*).*/\1 \2/p' "$licence")
  holds "$debian" "$holder" || refuse tools/debian/copyright "does not name '$holder', of $licence"
  [ "$licence" != LICENSE ] || continue
  for file in LICENSE examples/web/site.cmake; do
    grep -qF "$licence" $file || refuse $file "does not name $licence"
  done
  name=$(basename "$licence")
  grep -qF "($name)" weights/README.md || refuse weights/README.md "does not link $licence"
  for file in pyproject.toml conanfile.py; do
    grep -qE "LICENSE\.\*|$name" $file || refuse $file "does not package $licence"
  done
  escaped=$(awk '{ gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); printf "%s\\n", $0 }' "$licence")
  holds "$finder" "$escaped" || refuse weights/finder.safetensors "has another text in its metadata than $licence"
done
grep -q '^license = .*BSD-3-Clause' pyproject.toml || refuse pyproject.toml "its licence leaves out the finder's, BSD-3-Clause"
grep -q 'self.license = .*BSD-3-Clause' conanfile.py || refuse conanfile.py "its licence leaves out the finder's, BSD-3-Clause"
for file in LICENSE weights/README.md tools/debian/copyright; do
  holds "$(words <$file)" "offered for academic research only" ||
    refuse $file "does not tell the terms of the photos that the finder was trained on"
done

if [ $wrong -ne 0 ]; then
  echo "release: refused; mend what is told above" >&2
  exit 1
fi
echo "release: versions and notices agree on $version"
[ "$mode" != --check ] || exit 0

# The archive, the same bytes for the same commit.
if [ -n "$(git rev-parse --show-prefix 2>&1)" ] || ! git rev-parse --verify -q HEAD >/dev/null; then
  echo "release: this is no clone with a commit; an archive is made of one" >&2
  exit 1
fi
changed=$(git status --porcelain)
if [ -n "$changed" ]; then
  printf '%s\n%s\n' "$changed" "release: these files are not as they were committed; commit or remove them" >&2
  exit 1
fi
tagged=$(git rev-parse -q --verify "refs/tags/v$version^{commit}" || true)
if [ -n "$tagged" ] && [ "$tagged" != "$(git rev-parse HEAD)" ]; then
  echo "release: v$version is a tag of another commit, $tagged; a new release needs a new version" >&2
  exit 1
fi
name=segface-$version
archive=$folder/$name.tar.gz
mkdir -p "$folder"
git archive --format=tar --prefix="$name/" HEAD | gzip -n -9 >"$archive.part"
mv "$archive.part" "$archive"
sha256sum "$archive"
[ "$mode" != --archive ] || exit 0

# README.md's commands.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
awk '/^##/ { on = $0 == "## Two commands" } on && sub(/^    /, "")' README.md >"$work/commands"
if [ "$(wc -l <"$work/commands")" -ne 2 ]; then
  rm "$archive"
  echo "README.md: expected two commands below '## Two commands'" >&2
  exit 1
fi
mkdir "$work/empty"
tar -xzf "$archive" -C "$work/empty"
cd "$work/empty/$name"
while read -r line; do
  echo "release: in an empty folder: $line"
  if ! sh -c "$line" </dev/null; then
    rm "$archive"
    echo "release: refused; this failed: $line" >&2
    exit 1
  fi
done <"$work/commands"
echo "release: $archive is ready"
