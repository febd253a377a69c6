"""An empty registry that is there at once: MLflow takes seconds to make its tables."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from models.registry.mlflow_registry import Registry


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        database = Path(scratch) / "mlflow.db"
        Registry(f"sqlite:///{database}", database.parent / "registry", database.parent / "bundles")
        return database.read_bytes()


def put_registry(home: Path) -> None:
    """Put an empty registry where the settings of ``home`` look for it."""
    (home / "registry").mkdir(parents=True)
    (home / "registry" / "mlflow.db").write_bytes(_empty())
