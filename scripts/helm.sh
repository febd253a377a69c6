#!/usr/bin/env bash
# Prints the path of a Helm, building it once through the Go tool chain into a cache outside the checkout.
# Exits with 3, and one line that says why, where it cannot be had. CHILLCAST_HELM names one that is there.
set -euo pipefail

version=v3.19.5
cache="${CHILLCAST_CACHE:-$HOME/.cache/chillcast}/helm-$version"
none() { echo "no Helm: $1" >&2; exit 3; }

if [ -n "${CHILLCAST_HELM:-}" ]; then echo "$CHILLCAST_HELM"; exit 0; fi
if command -v helm >/dev/null 2>&1; then command -v helm; exit 0; fi
if [ -x "$cache/helm" ]; then echo "$cache/helm"; exit 0; fi
command -v go >/dev/null 2>&1 || none "no helm and no go on PATH"
mkdir -p "$cache"
GOBIN="$cache" go install "helm.sh/helm/v3/cmd/helm@$version" >"$cache/install.log" 2>&1 ||
    none "it could not be had, see $cache/install.log"
echo "$cache/helm"
