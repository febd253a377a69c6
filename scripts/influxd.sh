#!/usr/bin/env bash
# Prints the path of an InfluxDB 2.7 server, building it once into a cache outside the checkout where Go, Rust
# and a C compiler are there. Exits with 3, and one line that says why, where none can be had.
set -euo pipefail

version=2.7.12
cache="${CHILLCAST_CACHE:-$HOME/.cache/chillcast}/influxd-$version"
none() { echo "no InfluxDB server: $1" >&2; exit 3; }

if command -v influxd >/dev/null 2>&1; then command -v influxd; exit 0; fi
if [ -x "$cache/influxd" ]; then echo "$cache/influxd"; exit 0; fi
for tool in go cargo rustc cc; do
    command -v "$tool" >/dev/null 2>&1 || none "no influxd on PATH, and no $tool to build one"
done

mkdir -p "$cache/mod" "$cache/bin"
cd "$cache/mod"
export GOFLAGS=-modcacherw GOBIN="$cache/bin"
[ -f go.mod ] || go mod init chillcast/influxd >/dev/null 2>&1
{
    go install github.com/influxdata/pkg-config@v0.2.14
    go get "github.com/influxdata/influxdb/v2/cmd/influxd@v$version"
} >"$cache/build.log" 2>&1 || none "its Go modules could not be had, see $cache/build.log"

# flux pins an old Rust and denies warnings that newer compilers raise
printf '#!/bin/sh\nexec "$@" --cap-lints warn\n' >"$cache/rustc-wrap"
chmod +x "$cache/rustc-wrap"
export PKG_CONFIG="$cache/bin/pkg-config" RUSTC_WORKSPACE_WRAPPER="$cache/rustc-wrap"
if command -v rustup >/dev/null 2>&1; then
    RUSTUP_TOOLCHAIN=$(rustup toolchain list | head -n 1 | cut -d ' ' -f 1)
    export RUSTUP_TOOLCHAIN
fi
go build -tags sqlite_foreign_keys,sqlite_json -o "$cache/influxd.partial" \
    github.com/influxdata/influxdb/v2/cmd/influxd >>"$cache/build.log" 2>&1 || none "it does not build, see $cache/build.log"
mv "$cache/influxd.partial" "$cache/influxd"
echo "$cache/influxd"
