# Headers that programs include stand the macros of other headers, before them and after. "standard" below is what
# those other headers include themselves, and what a host would have included by then.
. "$(dirname "$0")/common.sh"
command -v g++ >/dev/null || skip "no g++"
all="segface/segface.hpp segface/compiled.hpp segface/image/file.hpp segface/faces/sheet.hpp segface/faces/metrics.hpp
  segface/faces/landmark_file.hpp segface/faces/region.hpp segface/engine/convert.hpp segface/backends/reference.hpp"
declared="segface/compiled.hpp segface/image/file.hpp"
for name in algorithm array atomic chrono condition_variable cmath functional limits map memory mutex new optional \
  random set sstream string string_view thread tuple variant vector; do
  echo "#include <$name>"
done >"$work/standard"

# stand NAME HEADERS [FILE...]: compiles each header after the lines of standard input, and all of them before these.
stand() {
  name=$1 headers=$2
  shift 2
  cat "$@" - >"$work/macros.hpp"
  for header in $headers; do
    printf '#include "macros.hpp"\n#include <%s>\nint main() {}\n' "$header" >"$work/after.cpp"
    compile "$name, then $header" "$work/after.cpp"
  done
  { for header in $headers; do echo "#include <$header>"; done; echo '#include "macros.hpp"'; } >"$work/before.cpp"
  compile "the headers, then $name" "$work/before.cpp"
}
compile() {
  echo "$1"
  g++ -std=c++17 -fsyntax-only $warnings -I "$root/include" -isystem "$work" -isystem /usr/include/eigen3 "$2"
}

# The last line finds a macro that was not put back.
stand "what X11 defines" "$all" <<'MACROS'
#define Bool int
#define Status int
#define None 0L
#define Success 0
#define True 1
#define False 0
#define Always 2
#define Above 0
#define Unsorted 0
const Bool macros_are_back = Success == None && sizeof(Status) == sizeof(int);
MACROS
stand "what windows.h defines" "$all" "$work/standard" <<'MACROS'
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define near
#define far
#define small char
#define hyper long long
#define interface struct
#define IN
#define OUT
#define DELETE 1
#define ERROR 0
#define NO_ERROR 0
const hyper far near macros_are_back = min(1, max(1, 2)) + sizeof(small);
MACROS
stand "check, verify, require and error" "$all" <<'MACROS'
#define check(x) do { if (!(x)) __builtin_trap(); } while (0)
#define verify(x) do { if (!(x)) __builtin_trap(); } while (0)
#define require(x, label) do { if (!(x)) goto label; } while (0)
#define error(...) ((void)0)
inline void macros_are_back() { check(true); error(1, 2); }
MACROS
stand "error as a number" "$all" <<'MACROS'
#define error 1
const int macros_are_back = error;
MACROS
stand "Qt's words" "$all" <<'MACROS'
#define signals public
#define slots
#define emit
#define foreach(a, b) for (a : b)
#define forever for (;;)
MACROS
stand "single letters" "$declared" "$work/standard" <<'MACROS'
#define B 2
#define K 19
#define I 1
MACROS
if echo '#include <X11/Xlib.h>' | g++ -x c++ -fsyntax-only - 2>/dev/null; then
  stand "<X11/Xlib.h>" "$all" <<'MACROS'
#include <X11/Xlib.h>
#include <X11/Xutil.h>
const Bool macros_are_back = Success == None && sizeof(Status) == sizeof(int);
MACROS
else
  echo "not tried with the real X11: install libx11-dev for that"
fi
