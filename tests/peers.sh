#!/usr/bin/env bash
# Unpacks real Alertmanagers and Prometheis for the tests, from Debian's packages, into a directory (default:
# target/peers) and installs nothing. Prints the directory. What is there already is kept.
#
#   TOCSIN_PEERS=$(tests/peers.sh) cargo test
set -euo pipefail

peers=$(realpath -m "${1:-target/peers}")
suites=(bookworm trixie sid)
# From each suite, what the tests of that age of the protocols and of the API need.
packages=(prometheus-alertmanager prometheus)

mkdir -p "$peers/apt/lists/partial" "$peers/apt/cache/archives/partial" "$peers/debs"
if [ -e "$peers/complete" ]; then
  echo "$peers"
  exit 0
fi

# The machine's own source of packages, with other suites.
mirror=$({ cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true; } \
  | awk '$1 == "URIs:" { print $2; exit } $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ "^https?:") { print $i; exit } }')
for suite in "${suites[@]}"; do
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
done >"$peers/apt/sources.list"
cat >"$peers/apt/apt.conf" <<CONF
Dir::Etc::SourceList "$peers/apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$peers/apt/lists";
Dir::Cache "$peers/apt/cache";
APT::Sandbox::User "root";
CONF
export APT_CONFIG="$peers/apt/apt.conf"
apt-get -qq update >&2

cd "$peers/debs"
for package in "${packages[@]}"; do
  apt-cache madison "$package" | awk '$NF == "Packages" { print $3 }' | sort -u | while read -r version; do
    target="$peers/${package}_$version"
    [ -d "$target" ] && continue
    apt-get -qq download "$package=$version" >&2
    dpkg -x "${package}_"*"${version#*:}"*.deb "$target.partial"
    mv "$target.partial" "$target"
  done
done
touch "$peers/complete"
echo "$peers"
