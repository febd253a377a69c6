"""The rising fleet, of which half is of model X, and all but two of the rest of model Y."""

from __future__ import annotations

from pathlib import Path

from models.fleet.inventory import Inventory
from models.learning.division import Division, Segments
from models.learning.fitting import Fitted
from models.learning.task_pool import HERE, TaskPool
from tests.support.rising_fleet import ASSETS, EVENTS, fitted, fleet, slices

PLATES = {a: {"model": "X" if i < 10 else "Y", "site": f"s{i % 4}"} for i, a in enumerate(ASSETS[:18])}
INVENTORY = Inventory({**PLATES, "a77": {"model": "X"}})
BY_MODEL = Segments(by="model", minimum_instances=100, minimum_failures=10, rounds=10)


def divided(
    folder: Path,
    segments: Segments = BY_MODEL,
    pool: TaskPool = HERE,
    inventory: Inventory = INVENTORY,
) -> Fitted:
    division = Division(segments, inventory, folder / "run.pack", pool)
    return fitted(slices(EVENTS), fleet(), division=division)
