# Shared by the scripts beside it: each is run by ctest, stops at the first failure, and leaves nothing behind.
#   sh NAME.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
weights=$root/weights/demo.safetensors
warnings="-Wall -Wextra -Wconversion -Wshadow -Werror"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Ends the script as skipped (ctest: SKIP_RETURN_CODE), saying why.
skip() {
  echo "skipped: $*"
  exit 77
}

# Runs a command, which is printed first.
try() {
  echo "+ $*"
  "$@"
}

# has_flag avx512f: whether this processor has it.
has_flag() {
  grep -qw "$1" /proc/cpuinfo 2>/dev/null
}

# clone FOLDER: the files of this clone as they are now, those that git does not know yet too; of a source archive, all but
# what was built in it.
clone() {
  mkdir -p "$1"
  if [ -e "$root/.git" ]; then
    (cd "$root" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$1")
  else
    tar -C "$root" --exclude='./build*' --exclude=./out --exclude=./.venv --exclude=__pycache__ -cf - . | tar -C "$1" -xf -
  fi
}

# begin HEADING: runs the commands that stand below a heading of README.md, here.
begin() {
  awk -v heading="### $1" '/^##/ { on = $0 == heading } on && sub(/^    /, "")' "$root/README.md" >"$work/commands"
  test "$(wc -l <"$work/commands")" -eq 2
  cat "$work/commands"
  sh -e "$work/commands"
}
