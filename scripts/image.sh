#!/usr/bin/env bash
# Builds the image of the workers without a daemon and prints its name for buildah: upon a Debian that debootstrap makes, since
# no registry need be reached. IMAGE_STORAGE is where it lies. Exits with 3, and one line that says why, where it cannot be had.
set -euo pipefail

suite=bookworm
cache="${CHILLCAST_CACHE:-$HOME/.cache/chillcast}/image"
storage="${IMAGE_STORAGE:-$cache/storage}"
cannot() { echo "no image: $1" >&2; exit 3; }
cd "$(dirname "$0")/.."

[ "$(id -u)" = 0 ] || cannot "only root may make a root folder for it"
mkdir -p "$cache"
if ! command -v buildah >/dev/null 2>&1 || ! command -v debootstrap >/dev/null 2>&1; then
    command -v apt-get >/dev/null 2>&1 || cannot "buildah and debootstrap are not installed"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq buildah debootstrap; } >"$cache/apt.log" 2>&1 ||
        cannot "buildah and debootstrap could not be installed, see $cache/apt.log"
fi
if [ ! -e "$cache/$suite.tar" ]; then
    rm -rf "$cache/root"
    debootstrap --variant=minbase --include=python3,python3-venv,libgomp1,ca-certificates "$suite" "$cache/root" \
        >"$cache/debootstrap.log" 2>&1 || cannot "debootstrap failed, see $cache/debootstrap.log"
    tar -C "$cache/root" -cf "$cache/$suite.tar.part" . && mv "$cache/$suite.tar.part" "$cache/$suite.tar"
    rm -rf "$cache/root"
fi
buildah="buildah --root $storage --storage-driver vfs"
if ! $buildah inspect --type image "localhost/$suite" >/dev/null 2>&1; then
    base=$($buildah from scratch)
    $buildah add -q "$base" "$cache/$suite.tar" / >/dev/null
    $buildah commit -q --rm "$base" "localhost/$suite" >/dev/null
fi
# how this host reaches package registries is its own business: certificates and settings are lent, not built in
lent=(--volume /etc/ssl/certs:/etc/ssl/certs:ro)
[ ! -e /etc/pip.conf ] || lent+=(--volume /etc/pip.conf:/etc/pip.conf:ro)
$buildah bud -q --isolation chroot "${lent[@]}" --build-arg "BASE=localhost/$suite" -t localhost/chillcast . \
    >"$cache/build.log" 2>&1 || { echo "the image could not be built, see $cache/build.log:" >&2; tail -5 "$cache/build.log" >&2; exit 1; }
echo localhost/chillcast
