# The commands that README.md tells a newcomer to begin with, in a folder that holds a clone and a photo.
#   sh begin.sh        all but Python's, which python.sh runs
. "$(dirname "$0")/common.sh"
sh "$root/tools/install_packages.sh" || skip "packages are missing"
here=$work/clone
clone "$here"
cp "$root/tests/data/finder/group_1.jpg" "$here/photo.jpg"
cd "$here"
export CMAKE_BUILD_TYPE=None CXXFLAGS=-O1  # takes half the time to compile
for heading in "On the command line" "In C++" "In C, and from other languages"; do begin "$heading"; done
for made in photo_mask.png photo_overlay.jpg mask.png labels.png overlay.png; do test -s "$made"; done
cmp photo_mask.png labels.png
