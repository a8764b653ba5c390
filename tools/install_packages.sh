#!/bin/sh
# Installs what is missing of this project's build packages on Debian or Ubuntu: install_packages.sh [PACKAGE...]
set -eu
missing=
for package in g++ make cmake libeigen3-dev libstb-dev libjpeg-dev doctest-dev "$@"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
  echo "This script knows Debian and Ubuntu only. Please install by hand:$missing" >&2
  exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "Please run as root: apt-get install$missing" >&2; exit 1; }
  as_root=sudo
fi
echo "Installing from the system's packages:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
