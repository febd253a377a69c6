"""A container build context that holds the workers and one version: what is built from it scores with it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec

from chillcast.models.registered import Registered
from models.errors import ModelError
from models.fleet.config import table_json
from models.fleet.fleet import Fleet
from models.registry.bundle import load_bundle
from models.registry.manifest import bundle_sha256, read_manifest
from models.registry.promotion import Promotion, Promotions, whoever
from streams.worker.endpoint import LIVE

ROOT = Path(__file__).parents[2]
_FOLDERS = ("chillcast", "simulators", "streams", "models", "fleets")
_FILES = ("pyproject.toml", "README.md", "LICENSE", "requirements/worker.txt", "Dockerfile")
_METRICS_PORT = 9100

_VERSION = f"""
FROM workers
USER 0
COPY fleet.json /home/chillcast/fleet.json
COPY --chown=10001:10001 bundles /data/bundles
ENV CHILLCAST_HOME=/data CHILLCAST_FLEET=/home/chillcast/fleet.json CHILLCAST_METRICS_PORT={_METRICS_PORT}
USER 10001
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=4 \\
  CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:{_METRICS_PORT}{LIVE}')"]
ENTRYPOINT ["chillcast"]
CMD ["worker", "risk"]
"""


def package(registered: Registered, version: str, out: Path) -> dict[str, Any]:
    """Write a container build context that holds the workers and a registered version."""
    promotion = Promotion(
        fleet=registered.fleet.name,
        version=version,
        reason="packaged",
        who=whoever(),
        promoted_ms=registered.resources.clock.now_ms(),
    )
    with registered.bundle(version) as folder:
        load_bundle(folder, read_manifest(folder).fingerprint)
        write_context(out, registered.fleet, folder, promotion)
    return {"version": version, "context": str(out)}


def dockerfile() -> str:
    """Return how the image is built: that of the workers, and upon it one with the version."""
    workers = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    head, last, rest = workers.rpartition("\nFROM ${BASE}\n")
    return f"{head}{last.rstrip()} AS workers\n{rest}{_VERSION}"


def write_context(out: Path, fleet: Fleet, bundle: Path, promotion: Promotion) -> Path:
    """Write the context into ``out``, which must not exist or be empty; the promotion is that of the bundle.

    Raises ModelError if ``out`` holds something, or if this is no checkout: an installed chillcast has
    no lock to pin the image by.
    """
    if out.exists() and any(out.iterdir()):
        raise ModelError(f"{out}: expected a folder that is empty, or none")
    missing = [name for name in (*_FOLDERS, *_FILES) if not (ROOT / name).exists()]
    if missing:
        raise ModelError(f"{ROOT / missing[0]}: not there: a context is written from a checkout of chillcast")
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, out / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _FILES:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, out / name)
    (out / "fleet.json").write_bytes(table_json(fleet))
    (out / "Dockerfile").write_text(dockerfile(), encoding="utf-8")
    _write_bundles(Promotions(out / "bundles" / fleet.name), bundle, promotion)
    return out


def _write_bundles(promotions: Promotions, bundle: Path, promotion: Promotion) -> None:
    """Put the bundle where a worker looks for it, with the promotion that points there."""
    shutil.copytree(bundle, promotions.folder / promotion.version)
    promotions.claim(msgspec.structs.replace(promotion, sha256=bundle_sha256(bundle)))
    promotions.enforce(promotion.role)
