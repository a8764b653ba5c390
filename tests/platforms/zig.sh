# clang for Windows, macOS and musl, by the Python package ziglang: all compile and link, and musl's program runs here.
#   pip install ziglang     the first run compiles a C++ library for each target, and keeps it in ~/.cache/zig
. "$(dirname "$0")/common.sh"
zig=""
for python in python3 python; do
  if command -v $python >/dev/null && $python -m ziglang version >/dev/null 2>&1; then
    zig="$python -m ziglang" && break
  fi
done
test -n "$zig" || skip "no ziglang"
need g++

labels_here
export ZIG_LOCAL_CACHE_DIR="$work/cache"
for target in x86_64-linux-musl x86_64-windows-gnu aarch64-windows-gnu x86_64-macos aarch64-macos; do
  try $zig c++ -target $target -std=c++17 -O2 $warnings -I "$root/include" "$root/tests/package/labels.cpp" \
    -o "$work/labels-$target"
done
for set in baseline avx2 avx512; do
  case $set in
    avx2) has_flag avx2 || continue ;;
    avx512) has_flag avx512vl || continue ;;
  esac
  SEGFACE_ISA=$set try "$work/labels-x86_64-linux-musl" "$weights" "$photo" "$work/there" 2
  SEGFACE_ISA=$set try "$work/labels_here" "$weights" "$photo" "$work/here"
  same "$work/here" "$work/there"
done
