"""Where Matplotlib keeps what it writes for itself."""

from __future__ import annotations

import os
from pathlib import Path


def keep_cache_under(home: Path) -> None:
    """Have Matplotlib write its font cache under ``home``; to be called before it is imported."""
    os.environ.setdefault("MPLCONFIGDIR", str(home / "cache" / "matplotlib"))
