# The names of the library. Those that include/segface/README.md calls API are all that its headers declare outside of
# segface::core, and are had from the headers that it says; a program's own names may be those of segface::core; examples
# and pages get by without it.
. "$(dirname "$0")/common.sh"
command -v g++ >/dev/null || skip "no g++"
include=$root/include/segface

# "HEADER NAME" of each row of the page's table: | `header` | `name`, `name` |
sed -n '/^## What is API/,$s/^| `\([^`]*\)`[ *]*|/\1/p' "$include/README.md" | sed 's/[`,|]/ /g' |
  awk '{ for (i = 2; i <= NF; ++i) print $1, $i }' | sort >"$work/page"

# "HEADER NAME" of each declaration that begins a line between SEGFACE_BEGIN_NAMESPACE and its end, as clang-format lays
# them out. A declaration that is only announced, and the members of a class that are defined outside of it, are none.
(cd "$include" && find . -name '*.hpp' -o -name '*.cuh') | sed 's|^\./||' | while read -r header; do
  awk -v header="$header" '
    /^SEGFACE_BEGIN_NAMESPACE/ { open = 1; next }
    /^SEGFACE_END_NAMESPACE/ { open = 0 }
    !open || /^[ }\/#]/ || /^(extern|static_assert)/ || /^(class|struct) [A-Za-z]+(;|<[A-Za-z, ]*>::)/ { next }
    {
      line = $0
      sub(/ SEGFACE_NODISCARD/, "", line)
      if (sub(/^(using core::|using |namespace |enum class |class |struct )/, "", line)) sub(/[^A-Za-z0-9_].*/, "", line)
      else if (/^inline constexpr [^(]* k[A-Z]/) { match(line, / k[A-Z][A-Za-z0-9]*/); line = substr(line, RSTART + 1, RLENGTH - 1) }
      else if (sub(/\(.*/, "", line)) sub(/.*[ *&]/, "", line)
      else next
      if (line !~ /::|^operator/) print header, line
    }' "$include/$header"
done | sort -u >"$work/declared"

# Of a namespace for a backend the page lists what is API in it.
if ! sed 's/::.*//' "$work/page" | sort -u | diff - "$work/declared"; then
  echo "< is on the page alone, > in a header alone: put it into segface::core, or tell of it" >&2
  exit 1
fi

# Each name from its header; the headers of CUDA and libjpeg-turbo only where these are.
echo '#include <jpeglib.h>' | g++ -x c++ -fsyntax-only -include cstdio - 2>/dev/null || others='|image/jpeg_write'
grep -Ev "^(backends/cuda${others:-})" "$work/page" >"$work/tried"
for header in $(cut -d ' ' -f 1 "$work/tried" | sort -u); do
  echo "#include <segface/$header>"
  grep "^$header " "$work/tried" | awk '{ gsub(/[^A-Za-z0-9]/, "_", $1); print "namespace " $1 NR " { using segface::" $2 "; }" }'
done >"$work/names.cpp"
try g++ -std=c++17 -fopenmp $warnings -fsyntax-only -I "$root/include" -isystem /usr/include/eigen3 "$work/names.cpp"

# A program's own names beside `using namespace segface`; each of them is one of segface::core.
own="adler32 Arena bits_of bytes_of Canvas Cost crc32 Crew fnv1a guarded Heap HugePages InputFile JsonCursor \
  kAlignment Map match normalize oriented Pickle Plan prepare process_id row Run SegFace Shape Thread ThreadPool Weight \
  WeightFile"
{
  grep '#include' "$work/names.cpp"
  for name in $own; do echo "namespace core_$name { using segface::core::$name; }"; done
  echo 'using namespace segface;'
  echo "enum { $(echo $own | sed 's/ /, /g') };"
  echo "int main() { return ($(echo $own | sed 's/ / + /g')) == 0; }"
} >"$work/own.cpp"
try g++ -std=c++17 -fopenmp $warnings -fsyntax-only -I "$root/include" -isystem /usr/include/eigen3 "$work/own.cpp"

# 03_stages shows what is inside, and says so.
if grep -n 'core::\|namespace core' "$root/README.md" "$root"/examples/README.md "$root"/examples/01* "$root"/examples/02* \
  "$root"/examples/04* "$here"/parse.cpp "$here"/unit*; then
  echo "these say segface::core" >&2
  exit 1
fi
