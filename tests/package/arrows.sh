# The arrows between the folders of include/segface point one way: a file includes its own folder, and folders below it.
. "$(dirname "$0")/common.sh"

# Each folder with those that it may include. Facades are the files beside the folders.
arrows='
base:
image: base
tensors: base
backends: image tensors base
layers: backends image tensors base
networks: layers backends image tensors base
engine: networks layers backends image tensors base
faces: engine networks layers backends image tensors base
facades: faces engine networks layers backends image tensors base
c: facades faces engine networks layers backends image tensors base
'

# includes ROOT: lines "FILE FOLDER INCLUDED FOLDER".
includes() {
  (cd "$1/segface" && grep -rE '^ *# *include +["<]segface/' .) | sed -E 's|^\./||; s|: *# *include +["<]segface/| |; s|[">].*||' |
    awk 'function folder(path, parts) { return split(path, parts, "/") > 1 ? parts[1] : "facades" }
      { print $1, folder($1), $2, folder($2) }'
}

# upward ROOT: what points the wrong way; networks/ holds networks that know nothing of each other.
upward() {
  includes "$1" | awk -v arrows="$arrows" '
    BEGIN {
      lines = split(arrows, line, "\n")
      for (i = 1; i <= lines; ++i) {
        if (split(line[i], half, ":") < 2) continue
        known[half[1]] = 1
        allowed[half[1], half[1]] = 1
        below = split(half[2], name, " ")
        for (j = 1; j <= below; ++j) allowed[half[1], name[j]] = 1
      }
    }
    function network(path, parts) { return split(path, parts, "/") > 2 && parts[1] == "networks" ? parts[2] : "" }
    !($2 in known) { print $1 ": the folder " $2 " has no place among the arrows"; next }
    !(($2, $4) in allowed) { print $1 " includes " $3; next }
    network($1) != "" && network($3) != "" && network($1) != network($3) { print $1 " includes " $3 }'
}

found=$(upward "$root/include")
count=$(includes "$root/include" | wc -l)
if [ -n "$found" ]; then
  echo "$found"
  echo "failed: arrows point from facades over faces, engine, networks, layers and backends down to base"
  exit 1
fi
[ "$count" -gt 500 ]
echo "$count includes"

# words ROOT: what a network alone says, in a folder below the networks. The words are those of its enum, and its operands.
words() {
  known=$(cat "$1"/segface/networks/*/compounds/words.hpp | sed -n '/^enum class/,/};/s/^  \([a-z_]*\),$/\1/p' | grep _)
  known="$known $(cat "$1"/segface/networks/*/compounds/*.hpp | sed -n 's/^struct \([A-Z][A-Za-z]*\) {$/\1/p' | grep -vx Position)"
  (cd "$1/segface" && grep -rnwE "$(echo $known | tr ' ' '|')" base image tensors backends layers --include='*.*p*' --include='*.cuh' || true)
}
found=$(words "$root/include")
if [ -n "$found" ]; then
  echo "$found"
  echo "failed: words of one network stand in networks/, and so do a backend's own ways of them"
  exit 1
fi

# It would find one.
mkdir -p "$work/include/segface/engine" "$work/include/segface/image"
echo '#include "segface/faces/mask.hpp"' >"$work/include/segface/engine/plan.hpp"
echo '  #  include <segface/segface.hpp>' >"$work/include/segface/image/image.hpp"
[ "$(upward "$work/include" | wc -l)" -eq 2 ]
mkdir -p "$work/include/segface/backends" "$work/include/segface/networks"
cp -r "$root/include/segface/networks/segface" "$work/include/segface/networks/"
printf 'int upscale_and_label();\nstruct Pyramid;\n' >"$work/include/segface/backends/cpu.hpp"
[ "$(words "$work/include" 2>/dev/null | wc -l)" -eq 2 ]
