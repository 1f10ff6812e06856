#!/bin/sh
# Builds kube-apiserver from Debian's source package `kubernetes`, once: some minutes on two cores, 2 GB of disk while it does.
#   build.sh CACHE_FOLDER      prints where the program is as its last line
# Debian's own sources.list is not touched: the source package is asked for with lists of our own.
set -eu
cache=$1
mkdir -p "$cache"
program=$cache/kube-apiserver
if [ -x "$program" ]; then
  echo "$program"
  exit 0
fi

work=$cache/build
rm -rf "$work"
mkdir -p "$work/lists/partial" "$work/source"
missing=
for package in golang-1.19-go rsync dpkg-dev make patch; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  echo "installing$missing" >&2
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing >&2
fi

echo "fetching the source package kubernetes" >&2
echo 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main' >"$work/sources.list"
apt() {
  apt-get -q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$work/lists" \
    -o APT::Sandbox::User=root "$@" >&2
}
apt update
(cd "$work" && apt --download-only source kubernetes)
# Unpacking applies debian/patches.
dpkg-source -x "$work"/kubernetes_*.dsc "$work/source/kubernetes" >&2

echo "building kube-apiserver" >&2
cd "$work/source/kubernetes"
PATH=/usr/lib/go-1.19/bin:$PATH HOME=$work GOFLAGS=-mod=vendor GOTOOLCHAIN=local KUBE_GIT_VERSION_FILE= \
  make WHAT=cmd/kube-apiserver >&2
built=$(find _output -type f -name kube-apiserver -perm -u+x | head -n 1)
[ -n "$built" ] || { echo "the build left no kube-apiserver" >&2; exit 1; }
strip -o "$program.new" "$built" 2>/dev/null || cp "$built" "$program.new"
mv "$program.new" "$program"
cd /
chmod -R u+w "$work"
rm -rf "$work"
echo "$program"
