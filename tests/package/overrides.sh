# What a backend overrides is what it names in Overrides: a member or an operand type that is there and not named, or named
# and not there, or whose parameters are not the compound's, does not compile, where the default would be taken unnoticed.
. "$(dirname "$0")/common.sh"
command -v g++ >/dev/null || skip "no g++"

# backend OVERRIDES MEMBERS: compiles calls of a compound and the use of an operand with a backend that has these.
backend() {
  cat >"$work/backend.cpp" <<CODE
#include <segface/backends/compound/labels.hpp>
#include <segface/backends/compound/photo.hpp>
using namespace segface;
using namespace segface::core;
struct Backend {
  using Scalar = float;
  using Overrides = OverrideList<$1>;
  $2
};
void label(Run<Backend>& run, const MapOf<Backend>& logits, const LabelTarget& target) {
  ops::label_map(run, logits, target);
}
using Input = ops::PhotoInput<Backend>;
CODE
  g++ -std=c++17 $warnings -fsyntax-only -I "$root/include" "$work/backend.cpp" 2>"$work/said"
}

# refused WORDS OVERRIDES MEMBERS: does not compile, and the compiler says so.
refused() {
  if backend "$2" "$3"; then
    echo "compiled, and should not: Overrides of $2; $3"
    exit 1
  fi
  grep -q "$1" "$work/said" || { cat "$work/said"; exit 1; }
}

member='void label_map(Run<Backend>&, const MapOf<Backend>&, const LabelTarget&) const noexcept {}'
operand='struct PhotoInput {};'
backend "" "" || { cat "$work/said"; exit 1; }
backend "Compound::label_map, Compound::PhotoInput" "$member $operand" || { cat "$work/said"; exit 1; }
refused "members differ on this word" "" "$member"
refused "members differ on this word" "" "void label_map(int) const noexcept {}"
refused "members differ on this word" "Compound::label_map" "void label_maps() const noexcept {}"
refused "no matching function\|cannot convert" "Compound::label_map" \
  "void label_map(Run<Backend>&, const MapOf<Backend>&, int) const noexcept {}"
refused "is an operand of this name that Overrides lacks" "" "$operand"
refused "names an operand that there is not" "Compound::PhotoInput" "struct PhotoInputs {};"
