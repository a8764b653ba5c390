#!/bin/sh
# A campaign by libFuzzer, with AddressSanitizer and UndefinedBehaviorSanitizer: sh tests/fuzz/run.sh MINUTES [TARGET]
#
# Each target gets its share of the minutes, or TARGET all of them; what is built, found and grown lies in build-fuzz.
# Prints a row for each target. A finding ends its target and is kept in build-fuzz/findings; then the end is 1.
set -eu
cd "$(dirname "$0")/../.."
[ $# -eq 1 ] || [ $# -eq 2 ] || { echo "usage: sh tests/fuzz/run.sh MINUTES [TARGET]" >&2; exit 2; }
minutes=$1
targets=${2-$(for file in tests/fuzz/*_fuzz.cpp; do basename "$file" _fuzz.cpp; done)}
command -v clang++ >/dev/null || { echo "libFuzzer comes with clang++, which is not installed" >&2; exit 2; }
launcher=$(command -v ccache || true)
work=build-fuzz
mkdir -p $work/corpus $work/findings

flags="-std=c++17 -g -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
  -Iinclude -Itests -Itools -isystem /usr/include/eigen3 -isystem /usr/include/stb"
libraries=""
if printf '#include <cstdio>\n#include <jpeglib.h>\nLIBJPEG_TURBO_VERSION' | clang++ -x c++ -E - 2>/dev/null | tail -n 1 |
  grep -qv LIBJPEG_TURBO_VERSION; then
  flags="$flags -DSEGFACE_WITH_LIBJPEG"
  libraries=-ljpeg
fi

# compile SOURCE OBJECT
compile() {
  # shellcheck disable=SC2086
  $launcher clang++ $flags "-DSEGFACE_TEST_DATA=\"$PWD/tests/data\"" -c "$1" -o "$2"
}
runs_networks() {
  case $1 in finder | parser | photo) return 0 ;; *) return 1 ;; esac
}
for target in $targets; do
  networks=""
  compile "tests/fuzz/${target}_fuzz.cpp" "$work/$target.o"
  if runs_networks "$target"; then
    for part in cpu reference_float; do
      compile tools/networks/$part.cpp $work/$part.o
      networks="$networks $work/$part.o"
    done
  fi
  # shellcheck disable=SC2086
  clang++ -fsanitize=fuzzer,address,undefined "$work/$target.o" $networks $libraries -pthread -o "$work/$target"
done

# number PATTERN LOG: the last number behind PATTERN
number() {
  grep -ao "$1 *[0-9]*" "$2" | tail -n 1 | grep -o '[0-9]*$' || echo 0
}
# shellcheck disable=SC2086
seconds=$((minutes * 60 / $(echo $targets | wc -w)))
export ASAN_OPTIONS=allocator_may_return_null=1:quarantine_size_mb=16
export UBSAN_OPTIONS=print_stacktrace=1
findings=0
echo "| target | seconds | executions | edges | corpus | peak MB | findings |"
echo "|---|---|---|---|---|---|---|"
for target in $targets; do
  log="$work/$target.log" corpus="$work/corpus/$target" kept="$work/findings/$target" timeout=10 memory=600 found=0
  if runs_networks "$target"; then timeout=60 memory=1500; fi
  mkdir -p "$corpus" "$kept"
  "$work/$target" -max_total_time=$seconds -timeout=$timeout -rss_limit_mb=$memory -malloc_limit_mb=300 -max_len=16384 \
    -print_final_stats=1 "-artifact_prefix=$kept/" "$corpus" "tests/fuzz/corpus/$target" >"$log" 2>&1 || found=1
  if grep -aq "run interrupted" "$log"; then echo "$target was interrupted" >&2; exit 1; fi
  findings=$((findings + found))
  # shellcheck disable=SC2012
  echo "| $target | $seconds | $(number stat::number_of_executed_units: "$log") | $(number cov: "$log") |" \
    "$(ls "$corpus" | wc -l) | $(number stat::peak_rss_mb: "$log") | $found |"
done
[ $findings -eq 0 ] || { echo "findings are in $work/findings, what was said in $work/TARGET.log" >&2; exit 1; }
