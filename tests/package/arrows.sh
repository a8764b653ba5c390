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

# It would find one.
mkdir -p "$work/include/segface/engine" "$work/include/segface/image"
echo '#include "segface/faces/mask.hpp"' >"$work/include/segface/engine/plan.hpp"
echo '  #  include <segface/segface.hpp>' >"$work/include/segface/image/image.hpp"
[ "$(upward "$work/include" | wc -l)" -eq 2 ]
