# The package in a host project: add_subdirectory, FetchContent, and find_package after an installation.
. "$(dirname "$0")/common.sh"

try cmake -S "$root" -B "$work/library" -DSEGFACE_BUILD_TOOLS=OFF -DSEGFACE_BUILD_C=OFF -DSEGFACE_BUILD_TESTS=OFF \
  -DSEGFACE_BUILD_EXAMPLES=OFF -DCMAKE_INSTALL_PREFIX="$work/installed"
try cmake --install "$work/library"

for way in add_subdirectory fetch_content find_package; do
  try cmake -S "$here" -B "$work/$way" -DWAY=$way -DSEGFACE_ROOT="$root" \
    -DCMAKE_PREFIX_PATH="$work/installed"
  try cmake --build "$work/$way"
  try "$work/$way/parse" "$weights"
  try "$work/$way/parse_compiled" "$weights"
done

# The host installs its program, and nothing of ours comes along.
try cmake --install "$work/add_subdirectory" --prefix "$work/host"
test "$(cd "$work/host" && find . -type f)" = ./bin/parse
