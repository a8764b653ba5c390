# Many processes with a part of the photos each, as under Slurm or GNU parallel: one is killed in the middle, all are started
# again. Each photo has its whole mask once, and what was there was not made again.
. "$(dirname "$0")/common.sh"
tool=${SEGFACE_BUILD:-$root/build}/segface
test -x "$tool" || skip "no $tool"
mkdir "$work/photos" "$work/out"
for i in $(seq 10 49); do cp "$root/tests/data/images/astronaut_512x512.png" "$work/photos/photo_$i.png"; done
ls "$work"/photos/*.png >"$work/list"

# parse I: the I-th of four parts.
parse() {
  "$tool" parse --list "$work/list" --shard "$1/4" --skip-existing --threads 1 --whole -o "$work/out" -q
}
masks() { find "$work/out" -name '*_mask.png' | wc -l; }

for i in 1 2 4; do parse $i & done
"$tool" parse --list "$work/list" --shard 3/4 --skip-existing --threads 1 --whole -o "$work/out" -q &
victim=$!
while [ ! -e "$work/out/photo_12_mask.png" ]; do sleep 0.01; done  # its first one
kill -9 $victim
wait || true
before=$(masks)
echo "$before of 40 masks were there when one process was killed"
test "$before" -lt 40
touch "$work/mark"
for i in 1 2 3 4; do parse $i & done
wait
test "$(masks)" -eq 40
test "$(find "$work/out" -name '*_mask.png' -newer "$work/mark" | wc -l)" -eq $((40 - before))
for mask in "$work"/out/*_mask.png; do cmp "$mask" "$work/out/photo_10_mask.png"; done
