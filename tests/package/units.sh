# Two translation units with different instruction sets share a Parser, in either order of linking: the labels are the
# same, and no set of kernels has instructions that its processors lack. Shared code besides kernels may have them, see
# README.md, "One set of flags".
. "$(dirname "$0")/common.sh"
command -v g++ >/dev/null || skip "no g++"

# mnemonics SET: those of its kernels in the program, and their registers of 512 bits as "zmm".
mnemonics() {
  objdump -d --no-show-raw-insn "$work/units" | awk -v name="3cpu[0-9]*$1[0-9]" '
    /^[0-9a-f]+ </ { inside = $2 ~ name }
    inside && NF > 1 { print $2; if (/%[xy]mm(1[6-9]|2[0-9]|3[01])|%zmm|%k[0-7]/) print "zmm" }' | sort -u
}
check_kernels() {
  command -v objdump >/dev/null || return 0
  mnemonics baseline >"$work/baseline"
  mnemonics avx2 >"$work/avx2"
  grep -q mulps "$work/baseline"
  grep -q vfmadd "$work/avx2"
  newer='v.*|zmm|(shlx|sarx|shrx|andn|lzcnt|tzcnt|popcnt)[lq]?|h?addsub.*|pmulld|round.*'
  if grep -E "^($newer)\$" "$work/baseline"; then exit 1; fi
  if grep '^zmm' "$work/avx2"; then exit 1; fi
}

# With less than a unit's flags in this processor its program is built all the same, but not run.
units() {
  compiler=$1 set=$2 needed=$3
  flags="-std=c++17 -O2 $warnings -I $root/include -I $here"
  try $compiler $flags -DUNIT=plain -c "$here/unit.cpp" -o "$work/plain.o"
  try $compiler $flags -DUNIT=wide $set -c "$here/unit.cpp" -o "$work/wide.o"
  try $compiler $flags -c "$here/units.cpp" -o "$work/main.o"
  for order in "$work/plain.o $work/wide.o" "$work/wide.o $work/plain.o"; do
    try $compiler $order "$work/main.o" -o "$work/units" -pthread
    check_kernels
    if has_flag $needed; then try "$work/units" "$weights"; fi
  done
}
units g++ "-mavx512f -mavx512bw" avx512bw
units g++ -march=x86-64-v3 avx2
if command -v clang++ >/dev/null; then units clang++ "-mavx512f -mavx512bw" avx512bw; fi
