#!/usr/bin/env bash
# Prints the path of Telegraf, building it once into a cache outside the checkout where Go is there: with the
# parts that the example's test runs. Exits with 3, and one line that says why, where it cannot be had.
set -euo pipefail

version=1.34.4
cache="${CHILLCAST_CACHE:-$HOME/.cache/chillcast}/telegraf-$version"
none() { echo "no Telegraf: $1" >&2; exit 3; }

if command -v telegraf >/dev/null 2>&1; then command -v telegraf; exit 0; fi
if [ -x "$cache/telegraf" ]; then echo "$cache/telegraf"; exit 0; fi
command -v go >/dev/null 2>&1 || none "it is not on PATH, and no go to build it"

mkdir -p "$cache/mod"
cd "$cache/mod"
export GOFLAGS=-modcacherw CGO_ENABLED=0
[ -f go.mod ] || go mod init chillcast/telegraf >/dev/null 2>&1
parts=custom,inputs.modbus,outputs.file,outputs.kafka,serializers.influx,serializers.json
go get -tags "$parts" "github.com/influxdata/telegraf/cmd/telegraf@v$version" >"$cache/build.log" 2>&1 ||
    none "its Go modules could not be had, see $cache/build.log"
go build -tags "$parts" -o "$cache/telegraf.partial" \
    github.com/influxdata/telegraf/cmd/telegraf >>"$cache/build.log" 2>&1 || none "it does not build, see $cache/build.log"
mv "$cache/telegraf.partial" "$cache/telegraf"
echo "$cache/telegraf"
