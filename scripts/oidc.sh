#!/usr/bin/env bash
# Prints the folder of a certified OpenID provider (oidc-provider for Node.js), installing it once into a cache outside
# the checkout through npm. Exits with 3, and one line that says why, where it cannot be had.
set -euo pipefail

version=9.13.3
cache="${CHILLCAST_CACHE:-$HOME/.cache/chillcast}/oidc-provider-$version"
none() { echo "no OpenID provider: $1" >&2; exit 3; }

command -v node >/dev/null 2>&1 || none "no node on PATH"
if [ -d "$cache/node_modules/oidc-provider" ]; then echo "$cache"; exit 0; fi
command -v npm >/dev/null 2>&1 || none "no npm on PATH"
mkdir -p "$cache"
npm install --prefix "$cache" --no-audit --no-fund --ignore-scripts "oidc-provider@$version" >"$cache/install.log" 2>&1 ||
    none "it could not be had, see $cache/install.log"
echo "$cache"
