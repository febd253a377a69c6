"""Processes that grow the same trees, each from rows of its own: LightGBM's data-parallel learning."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb

_TIME_OUT_MIN = 2
_NETWORK = re.compile(r"^\[(?:machines|local_listen_port|time_out): .*\]\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Peers:
    """The addresses ``host:port`` of all processes, in the same order for each, and this one's port."""

    machines: tuple[str, ...]
    port: int

    @property
    def parameters(self) -> dict[str, Any]:
        """What LightGBM has to know of them."""
        return {
            "tree_learner": "data",
            "pre_partition": True,
            "machines": ",".join(self.machines),
            "num_machines": len(self.machines),
            "local_listen_port": self.port,
            "time_out": _TIME_OUT_MIN,
        }


def without_addresses(booster: lgb.Booster) -> str:
    """Return the text of trees without where they were grown, which is no part of what was learnt."""
    return _NETWORK.sub("", booster.model_to_string())
