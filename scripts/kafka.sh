#!/usr/bin/env bash
# Prints a folder with the jars of Apache Kafka, for tests; fetches them once through Maven, outside the checkout.
# Exit code 3, with the reason, where this machine cannot.
set -euo pipefail
version=4.3.1
cache="${CHILLCAST_CACHE:-$HOME/.cache/chillcast}/kafka-$version"

cannot() { echo "$1" >&2; exit 3; }

command -v java >/dev/null 2>&1 || cannot "Java is not installed: Kafka $version needs 17 or newer"
java=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
[ "${java:-0}" -ge 17 ] || cannot "Java is ${java:-unknown}: Kafka $version needs 17 or newer"
if [ -d "$cache/libs" ]; then echo "$cache/libs"; exit 0; fi
command -v mvn >/dev/null 2>&1 || cannot "Maven is not installed, and no jars of Kafka $version are in $cache"

mkdir -p "$(dirname "$cache")"
work=$(mktemp -d "$cache.XXXXXX")
trap 'rm -rf "$work"' EXIT
cat >"$work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>chillcast</groupId><artifactId>kafka</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.1</version></dependency>
</dependencies></project>
POM
(cd "$work" && mvn -q -B dependency:copy-dependencies -DoutputDirectory=libs >&2) || cannot "Maven could not fetch Kafka $version"
mkdir -p "$cache"
mv "$work/libs" "$cache/libs" 2>/dev/null || [ -d "$cache/libs" ]
echo "$cache/libs"
