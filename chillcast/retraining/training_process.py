"""A training in a process of its own: at low priority, in few threads, ended when it takes too long."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from chillcast.models.modelling import Models
from chillcast.pipeline.home import at_work
from chillcast.resources import Resources
from chillcast.retraining.retraining_config import Limits
from chillcast.terminal.reporter import Reporter
from chillcast.training.enrolment import BUNDLE, DOCUMENTS, make
from chillcast.training.training_config import TrainingConfig
from models.errors import ChillcastError, ConfigError, ModelError, UnavailableError
from models.fleet.config import read_table, table_json
from models.fleet.fleet import load_fleet
from models.learning.task_pool import LocalPool
from models.registry.manifest import read_manifest
from streams.processes import children

_CONFIG, _LOG, _SAID = "training.json", "training.log", "chillcast: "
_HOME = "CHILLCAST_HOME"
_BUSY, _GRACE_S = 75, 10.0


def is_made(folder: Path, config: TrainingConfig) -> bool:
    """Return whether a folder has all that a training makes, of this very configuration."""
    if not (folder / DOCUMENTS / "card.md").exists():
        return False
    try:
        return read_manifest(folder / BUNDLE).lineage.get("config_sha256") == config.sha256
    except ModelError:
        return False


def train_apart(models: Models, config: TrainingConfig, folder: Path, limits: Limits) -> None:
    """Run a training into ``folder``, and wait for it.

    Raises ModelError with the reason if it fails or takes too long, UnavailableError if another command
    learns in the same home. It ends if this process does, however that ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _CONFIG).write_bytes(table_json(config))
    argv = [sys.executable, "-m", __spec__.name, str(folder), str(limits.nice), str(limits.processes)]
    threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    environment = {**models.settings.environment(), **threads}
    process = children.start(argv, folder / _LOG, environment)
    try:
        code = process.wait(limits.hours * 3600)
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"training took more than {limits.hours:g} h and was stopped") from error
    finally:
        children.stop(process, _GRACE_S)
    _judge(code, folder / _LOG)


def _judge(code: int, log: Path) -> None:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line.removeprefix(_SAID) for line in lines if line.startswith(_SAID)]
    why = said[-1] if said else f"see {log}"
    if code == _BUSY:
        raise UnavailableError(f"training has to wait: {why}")
    if code:
        raise ModelError(f"training ended with {code}: {why}")


def main(folder: Path, nice: int, processes: int) -> int:
    """Train what the configuration in ``folder`` asks for; return the exit code."""
    os.nice(nice)
    resources = Resources.open()
    config = read_table(
        msgspec.json.decode((folder / _CONFIG).read_bytes()), TrainingConfig, str(folder / _CONFIG)
    )
    fleet = config.applied_to(load_fleet(resources.settings.fleet_path), str(folder / _CONFIG))
    try:
        with at_work(resources.settings.home_path, "training"):
            pool = LocalPool(processes)
            make(Resources(resources.settings, fleet), config, Reporter(), folder=folder, pool=pool)
    except ChillcastError as error:
        sys.stderr.write(f"{_SAID}{error}\n")
        return _BUSY if isinstance(error, ConfigError) and error.key == _HOME else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
