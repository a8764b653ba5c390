# The tour is current: its pictures were made from what is here, what it quotes is in the code, its files are there, its
# numbers are those of the network, its commands work, its recipes can be applied, and it is no longer than it says.
#   SEGFACE_BUILD=FOLDER [SEGFACE_TORCH_PYTHON=PYTHON] sh tour.sh       with a Python that has torch, its lines run too
. "$(dirname "$0")/common.sh"
build=${SEGFACE_BUILD:-$root/build}
tool=$build/segface
[ -x "$tool" ] || skip "no $tool"
segface=$root/include/segface
cd "$root"

# fail WORDS
fail() {
  echo "failed: $*"
  exit 1
}
# blocks LANGUAGE PAGE: the lines of its blocks of a language.
blocks() { awk -v from="\`\`\`$1" '$0 == from { on = 1; next } /^```/ { on = 0 } on' "$2"; }

# Pictures.
digest=$(cat tools/tour/diagrams.py tools/tour/draw.py tools/tour/maps.py tools/tour/svg.py examples/06_dump_stages.cpp \
  weights/demo.safetensors tests/data/images/portrait_256x256.png | sha256sum | cut -d ' ' -f 1)
for picture in examples/pictures/tour_*.svg; do
  grep -q "<!-- inputs $digest -->" "$picture" ||
    fail "$picture was made from other files: python3 tools/tour/draw.py build/06_dump_stages"
  [ "$(wc -c <"$picture")" -lt 60000 ] || fail "$picture is too large"
  grep -q "$(basename "$picture")" "$segface/README.md" || fail "no page shows $picture"
done

# Lines that are quoted, each without what stands before and behind it. A comment that is a file's name says where the next
# lines are, one after the other; a comment of three dots stands for lines that are left out.
cat >"$work/quotations.awk" <<'AWK'
function trimmed(line) { gsub(/^ +| +$/, "", line); return line }
function text(file, line, all) {
  if (!(file in texts)) {
    all = "\n"
    while ((getline line <file) > 0) all = all trimmed(line) "\n"
    texts[file] = all
  }
  return texts[file]
}
function compare() {
  if (piece != "" && (file == "" || !index(text(file), "\n" piece))) {
    print "not one after the other in " (file == "" ? "any file: none is named" : file) ":\n" piece
    wrong = 1
  }
  piece = ""
}
$0 == "```" language { on = 1; file = ""; next }
/^```/ { if (on) compare(); on = 0 }
!on { next }
/^(\/\/|#) [A-Za-z0-9_\/]+\.[a-z]+$/ {
  compare()
  file = $2
  sub(/^N\//, "networks/segface/", file)
  if (file !~ /^tools\//) file = "include/segface/" file
  next
}
/^ *(\/\/|#) \.\.\.$/ { compare(); next }
trimmed($0) != "" { piece = piece trimmed($0) "\n"; ++lines }
END { print language ": " lines " lines quoted"; exit wrong }
AWK
for language in cpp python; do
  awk -v language=$language -f "$work/quotations.awk" "$segface/README.md" || fail "the tour quotes lines, which no file has so"
done
cat $(find include -name '*.?pp' -o -name '*.cuh') | sed 's/^ *//; s/ *$//' >"$work/cpp"
grep '^|' "$segface/README.md" | grep -oE '`[^`]*;`' | tr -d '`' >"$work/quoted"
if grep -vxF -f "$work/cpp" "$work/quoted"; then fail "the tour's tables quote these lines, which no file has"; fi

# Files that are named.
for page in "$segface/README.md" "$segface/RECIPES.md" "$segface/EXERCISES.md"; do
  awk '/^```/ { on = !on } !on' "$page" >"$work/text"
  { grep -oE '`[a-z0-9_./N]+\.(hpp|cpp|cuh|ipp|py|sh|md)`' "$work/text" | tr -d '`'
    grep -oE '\]\([^)#:]+' "$work/text" | cut -c 3-; } | sort -u | sed 's|^N/|networks/segface/|' |
    while read -r file; do
      [ -e "$segface/$file" ] || [ -e "$root/$file" ] || find include tools examples tests -path "*/$file" | grep -q . || {
        echo "$(basename "$page") names $file, which is not there"
        exit 1
      }
    done || fail "files are missing"
done

# Length: a page has 500 words.
evening=$(sed '/^## The rest of the library/,$d' "$segface/README.md")
words=$(echo "$evening" | wc -w)
[ "$words" -le 6000 ] || fail "the evening's text has $words words, more than 12 pages"
files=$(echo "$evening" | sed -n '/^## The evening/,$p' | sed -n '/^| `/s/|[^|]*|$//p' | grep -oE '[a-z0-9_/]+\.hpp')
lines=$(cd "$segface" && cat $files | wc -l)
[ "$lines" -le 3000 ] || fail "the evening's code has $lines lines, more than 3,000"
whole=$(cd "$segface" && ls $files networks/segface/*.hpp networks/segface/backbones/*.hpp layers/*.hpp base/window.hpp \
  base/arena.hpp image/tanh_warp.hpp faces/warp.hpp engine/plan.hpp backends/compound/window_attention.hpp | sort -u |
  grep -Ev '/(cpu|variant|precision|precision_recipe)\.hpp' | xargs cat | wc -l)
[ "$whole" -le 4500 ] || fail "all of the tour's code has $whole lines, more than 4,500"
words_of_all=$(cd "$segface" && sed '/^## What is API/,$d' README.md | cat - RECIPES.md EXERCISES.md backends/README.md \
  networks/segface/backbones/README.md | wc -w)
[ "$words_of_all" -le 15000 ] || fail "all pages have $words_of_all words, more than 30 pages"
echo "evening: $words words, $lines lines; all of the tour: $words_of_all words, $whole lines"

# Numbers: GFLOP at 512 x 512, and weights.
try "$tool" convert weights/demo.safetensors --dataset celeb --resolution 512 -o "$work/512.safetensors" >"$work/converted"
"$tool" info "$work/512.safetensors" --stages | awk '
  /^  (feature|fused|queries|keys|tokens|hyper|logits)/ { part = /^  feature/ ? "backbone" : /^  fused/ ? "fusion" : "decoder"; sum[part] += $7 }
  END { printf "| %.2f |\n| %.2f (9.1\n| %.2f (15.2\n| %.2f |\n", sum["backbone"], sum["fusion"], sum["decoder"], sum["backbone"] + sum["fusion"] + sum["decoder"]
        printf "%.2f %.2f %.2f\n", sum["backbone"], sum["fusion"], sum["decoder"] >"/dev/stderr" }' >"$work/numbers" 2>"$work/drawn"
read -r backbone fusion decoder <"$work/drawn"
grep -q "\"backbone\": $backbone, \"fusion\": $fusion, \"decoder\": $decoder" tools/tour/diagrams.py ||
  fail "tools/tour/diagrams.py draws other costs than $backbone, $fusion, $decoder"
if command -v python3 >/dev/null; then
  python3 - weights/demo.safetensors >>"$work/numbers" <<'PYTHON'
import json, math, struct, sys
data = open(sys.argv[1], "rb").read()
length, = struct.unpack("<Q", data[:8])
header = json.loads(data[8:8 + length])
header.pop("__metadata__")
count = lambda *begins: sum(math.prod(t["shape"]) for name, t in header.items() if name.startswith(begins))
for parts in (("backbone",), ("linear_",), ("face_decoder", "pe_layer"), ("",)):
    print(f"| {count(*parts):,} |")
print(f"{sum(math.prod(t['shape']) for name, t in header.items() if 'running_' in name):,} of")
PYTHON
fi
while read -r number; do
  grep -qF "$number" "$segface/README.md" || fail "the tour does not say '$number'"
done <"$work/numbers"

# Recipes.
if command -v patch >/dev/null; then
  blocks diff "$segface/RECIPES.md" | patch -p1 --fuzz=0 --dry-run -s || fail "a recipe of RECIPES.md does not apply to the code any more: mend its block"
fi

# Commands, in a folder that looks like this one.
mkdir "$work/here"
ln -s "$root/weights" "$root/tests" "$root/tools" "$root/examples" "$work/here"
ln -s "$build" "$work/here/build"
cd "$work/here"
numpy=$(python3 -c 'import numpy' 2>/dev/null && echo yes || true)
for page in README RECIPES EXERCISES; do
  blocks sh "$segface/$page.md" | while read -r line; do
    case $line in
      *"cmake -S"* | "cmake --build"*) echo "not run, as it is built: $line"; continue ;;
      .venv/bin/python*)
        [ -n "${SEGFACE_TORCH_PYTHON:-}" ] || { echo "not run, without torch: $line"; continue; }
        line="$SEGFACE_TORCH_PYTHON${line#.venv/bin/python}" ;;
      *numpy*) [ -n "$numpy" ] || { echo "not run, without NumPy: $line"; continue; } ;;
      build/0*) [ -x "${line%% *}" ] || { echo "not run, as examples were not built: $line"; continue; } ;;
    esac
    echo "+ $line"
    sh -c "$line" >>"$work/said" || exit 1
  done || fail "a command of $page.md"
done

# What becomes of the five changes.
if [ -x build/07_what_if ]; then
  tail -n 6 "$work/said" | awk '
    { n = split($0, word, " "); labels[NR] = word[n - 5]; shares[NR] = word[n - 4]; hair[NR] = word[n - 3]; eyes[NR] = word[n - 2] / word[n] }
    END { exit !(NR == 6 && labels[1] == 0 && shares[1] > 0.2 && labels[2] == 0 && shares[2] < 1e-3 && eyes[3] == 1 &&
                 labels[3] < 0.4 && hair[4] == 0 && labels[4] > 11 && labels[4] < 13 && labels[5] > 4 && labels[5] < 5.5 &&
                 labels[6] > 30) }' || fail "the five changes do something else than EXERCISES.md says"
fi
