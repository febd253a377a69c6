"""Boosters: what is the same in all that are trained, and whether a text may be handed to LightGBM."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from models.errors import ModelError
from models.telemetry.samples import Float64

FIXED: dict[str, Any] = {
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
    "feature_pre_filter": False,
    "num_threads": 2,
}
_MOST_LEAVES = 131_072  # LightGBM takes no more


def check_booster(text: str, features: int, *, outputs: int = 1, name: str = "booster.txt") -> None:
    """Check that the trees of a LightGBM text model are whole and point only at what exists.

    ``features`` counts the columns of the input, ``outputs`` those of the output. Raises ModelError with the
    file's ``name``, the tree and the array.
    """
    wanted = {"max_feature_idx": features - 1, "num_class": outputs, "num_tree_per_iteration": outputs}
    for key, expected in wanted.items():
        head = re.search(rf"^{key}=(\d+)$", text, re.MULTILINE)
        if head is None or int(head[1]) != expected:
            raise ModelError(f"{name}: {key} {head and head[1]}: expected {expected}")
    trees = 0
    for tree in _trees(text, name):
        fields = dict(re.findall(r"^(\w+)=(.*)$", tree, re.MULTILINE))
        _check_tree(f"{name}: tree {trees}", fields, features)
        trees += 1
    if trees % outputs:
        raise ModelError(f"{name}: {trees} trees: expected a multiple of {outputs}")


def _trees(text: str, name: str) -> Iterator[str]:
    """Cut the text as LightGBM does, by ``tree_sizes``, making sure that a tree begins at every cut."""
    sizes = re.search(r"^tree_sizes=([\d ]+)$", text, re.MULTILINE)
    at = text.find("\nTree=0\n") + 1
    if sizes is None or not at or not text.isascii():
        raise ModelError(f"{name}: no tree, or no tree_sizes, in ASCII")
    for number, size in enumerate(map(int, sizes[1].split())):
        tree = text[at : at + size]
        if not tree.startswith(f"Tree={number}\n"):
            raise ModelError(f"{name}: tree {number}: expected at character {at}")
        yield tree
        at += size
    if not text.startswith("end of trees\n", at):
        raise ModelError(f"{name}: end of trees: expected at character {at}")


def _check_tree(where: str, fields: dict[str, str], features: int) -> None:
    leaves = int(_array(where, fields, "num_leaves", (1, 1, _MOST_LEAVES))[0])
    splits = leaves - 1
    _array(where, fields, "num_cat", (1, 0, 0))
    _array(where, fields, "is_linear", (1, 0, 0))
    _array(where, fields, "leaf_value", (leaves, -np.inf, np.inf))
    if not splits:
        return
    _array(where, fields, "split_feature", (splits, 0, features - 1))
    _array(where, fields, "threshold", (splits, -np.inf, np.inf))
    if (_array(where, fields, "decision_type", (splits, 0, 15)) % 2).any():
        raise ModelError(f"{where}: decision_type: expected numerical splits only")
    for side in ("left_child", "right_child"):
        child = _array(where, fields, side, (splits, -leaves, splits - 1))
        if ((child >= 0) & (child <= np.arange(splits))).any():
            raise ModelError(f"{where}: {side}: expected splits below their own, or this tree has no end")


def _array(where: str, fields: dict[str, str], name: str, bounds: tuple[int, float, float]) -> Float64:
    """Return the numbers of one array, of which there are ``length`` in [low, high]; NaN is in no range."""
    length, low, high = bounds
    try:
        values = np.array(fields[name].split(), np.float64)
    except (KeyError, ValueError) as error:
        raise ModelError(f"{where}: {name}: {error}") from error
    if len(values) != length or not ((low <= values) & (values <= high)).all():
        raise ModelError(f"{where}: {name}: expected {length} numbers in [{low}, {high}]")
    return values
