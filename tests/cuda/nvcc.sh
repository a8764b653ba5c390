# Compiles every kernel of the cuda backend for GPUs from Turing (sm_75) on, a warning being an error, and prints what
# each takes: registers of a thread, one column an architecture, and bytes of static shared memory. Fails where registers
# are spilled to memory, arrays are in it, and beyond the bounds below.
#   sh nvcc.sh [--full]    a few architectures, or all that the toolkit knows
. "$(dirname "$0")/../package/common.sh"
command -v nvcc >/dev/null || skip "no nvcc: the kernels are not compiled for GPUs"
most_registers=240  # of 255; with more, the compiler is about to spill
most_stack=32       # bytes of local memory: what sinf's way for large angles takes in encode_positions
most_shared=34048   # bytes; two blocks together on any multiprocessor but Turing's, which has 64 KB

known=$(nvcc --list-gpu-arch | sed -n 's/^compute_//p' | sort -n | awk '$1 >= 75')
chosen=$known
if [ "${1-}" != --full ]; then
  chosen=$(echo "$known" | awk '$1 == 75 || $1 == 86 || $1 == 90; END { print }' | uniq)
fi
code=$(for arch in $chosen; do echo "-gencode arch=compute_$arch,code=sm_$arch"; done)

# shellcheck disable=SC2086
try nvcc -std=c++17 -O2 -Werror all-warnings -Xptxas -v --threads 0 -I "$root/include" -I "$root/tools" -isystem /usr/include/stb \
  --fatbin $code "$root/tools/networks/cuda.cu" -o "$work/kernels" >"$work/log" 2>&1 || {
  cat "$work/log"
  exit 1
}

# KERNEL ARCHITECTURE REGISTERS SHARED SPILLED STACK, a line each.
awk '
  /Compiling entry function/ { split($0, quoted, "\x27"); kernel = quoted[2]; arch = quoted[4] }
  /bytes stack frame/ { stack = $1 }
  /bytes spill stores/ { for (i = 3; i <= NF; ++i) if ($i == "spill") spilled += $(i - 2) }
  /Used [0-9]+ registers/ {
    shared = 0
    for (i = 3; i <= NF; ++i) if ($i ~ /^smem/) shared = $(i - 2)
    for (i = 1; i <= NF; ++i) if ($i == "Used") registers = $(i + 1)
    print kernel, arch, registers, shared, spilled + 0, stack
    spilled = 0
  }' "$work/log" | c++filt |
  sed 's/([A-Za-z0-9_:]*)\([0-9]\)/\1/g; s/^void //; s/segface::v[0-9_]*::\(core::\)*//g; s/^cuda:://; s/\([0-9]\)l\([,>]\)/\1\2/g
    s/(.*) sm_/ sm_/; s/, /,/g; s/unsigned char/uint8_t/g' | sort -V >"$work/table"

awk -v registers=$most_registers -v shared=$most_shared -v stack=$most_stack -v expected="$(echo "$chosen" | wc -w)" '
  !($2 in column) { column[$2] = ++columns; arch[columns] = $2 }
  !($1 in row) { row[$1] = ++rows; kernel[rows] = $1 }
  {
    used[$1, $2] = $3
    if ($4 > most[$1]) most[$1] = $4
    if ($5 > 0) bad = bad sprintf("%s, %s: %d bytes of spilled registers\n", $1, $2, $5)
    if ($6 > stack) bad = bad sprintf("%s, %s: %d bytes of arrays in memory, at most %d are allowed\n", $1, $2, $6, stack)
    if ($3 > registers) bad = bad sprintf("%s, %s: %d registers, at most %d are allowed\n", $1, $2, $3, registers)
    if ($4 > shared) bad = bad sprintf("%s, %s: %d bytes of shared memory, at most %d are allowed\n", $1, $2, $4, shared)
  }
  END {
    printf "%-44s", "registers of a thread"
    for (c = 1; c <= columns; ++c) printf " %7s", arch[c]
    print "  shared bytes"
    for (r = 1; r <= rows; ++r) {
      printf "%-44s", kernel[r]
      for (c = 1; c <= columns; ++c) printf " %7s", used[kernel[r], arch[c]]
      printf " %13d\n", most[kernel[r]]
    }
    if (columns != expected || rows == 0) bad = bad "kernels or architectures are missing\n"
    if (bad != "") { printf "%s", bad; exit 1 }
    printf "%d kernels, no spills, at most %d registers and %d bytes\n", rows, registers, shared
  }' "$work/table"
