#!/bin/sh
# What a frame of a video costs beside a parse of its square alone: speed.sh SEGFACE VIDEO WEIGHTS [TIMES]
#
# Both are measured in turns, with two threads, so that other work on the machine slows both. Prints milliseconds of a frame
# and of a parse, and their ratio: the least of each.
set -eu
segface=$1 video=$2 weights=$3 times=${4-5}
frame=1000000 parse=1000000
least() { awk -v a="$1" -v b="$2" 'BEGIN { print a < b ? a : b }'; }
for _ in $(seq "$times"); do
  rate=$("$segface" video "$video" --weights "$weights" --threads 2 -o /dev/null 2>&1 | sed -n 's/.* frames, \([0-9.]*\) a second/\1/p')
  frame=$(least "$frame" "$(awk -v r="$rate" 'BEGIN { print 1000 / r }')")
  whole=$("$segface" bench "$weights" --threads 2 --json | sed -n 's/.*"fastest_ms": \([0-9.]*\).*/\1/p')
  parse=$(least "$parse" "$whole")
done
awk -v f="$frame" -v p="$parse" 'BEGIN { printf "frame %.1f ms, parse %.1f ms: %.2f\n", f, p, f / p }'
