#!/usr/bin/env bash
# Looks up the locks given as arguments among the known vulnerabilities (pip-audit, in a venv of its own outside
# the checkout). Exit code 1 with what was found; 0, with the reason, where the data cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."
cache="${CHILLCAST_CACHE:-$HOME/.cache/chillcast}"
venv="$cache/audit"

cannot() { echo "vulnerabilities: did not run: $1"; exit 0; }

mkdir -p "$cache"
if [ ! -x "$venv/bin/pip-audit" ]; then
    python3 -m venv "$venv" >/dev/null && "$venv/bin/python" -m pip install --quiet --require-hashes \
        -r requirements/audit.txt >/dev/null || cannot "pip-audit could not be installed"
fi
found=$(mktemp)
trap 'rm -f "$found"' EXIT
for lock in "$@"; do
    "$venv/bin/pip-audit" --requirement "$lock" --require-hashes --disable-pip --timeout 5 \
        --format json --progress-spinner off \
        >"$found" 2>/dev/null || true
    "$venv/bin/python" - "$lock" "$found" <<'PY' || exit 1
import json, pathlib, sys

lock, path = sys.argv[1:]
text = pathlib.Path(path).read_text(encoding="utf-8")
looked = json.loads(text)["dependencies"] if text.strip() else []
known = [one for one in looked if "skip_reason" not in one]
bad = [(one["name"], one["version"], v["id"], v["fix_versions"]) for one in known for v in one["vulns"]]
for name, version, number, fixed in bad:
    print(f"{lock}: {name} {version}: {number}, mended in {', '.join(fixed) or 'no version yet'}")
if not known:
    print(f"vulnerabilities: did not run over {lock}: their data cannot be had from here")
else:
    print(f"{lock}: {len(known)} of {len(looked)} packages looked up, {len(bad)} known vulnerabilities")
sys.exit(bool(bad))
PY
done
