"""Metrics of scores row by row: how they rank windows, and what they are worth as probabilities."""

from __future__ import annotations

import numpy as np

from models.telemetry.labels import Bools
from models.telemetry.samples import Float64


def roc_auc(score: Float64, label: Bools) -> float | None:
    """Return the area under the ROC curve, ties counting half; None if one class is absent.

    >>> roc_auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    0.875
    """
    positives, negatives = int(label.sum()), int((~label).sum())
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(mean_rank[inverse][label].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def average_precision(score: Float64, label: Bools) -> float | None:
    """Return the mean precision over the positives, equal scores taken at once; None without positives.

    >>> average_precision(np.array([0.9, 0.8, 0.1]), np.array([True, False, True]))
    0.8333333333333333
    """
    if not label.any():
        return None
    order = np.argsort(-score, kind="stable")
    ranked, hits = score[order], np.cumsum(label[order])
    # Compared, not subtracted: scores that rank last are -inf, and their difference is no number.
    last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    recall_steps = np.diff(hits[last], prepend=0) / hits[-1]
    return float((recall_steps * hits[last] / (last + 1)).sum())


def log_losses(probability: Float64, label: Bools) -> Float64:
    """Return (n,) negative log-likelihoods, finite also if a certain forecast was wrong."""
    p = np.clip(probability, 1e-9, 1 - 1e-9)
    out: Float64 = -np.where(label, np.log(p), np.log1p(-p))
    return out


def log_loss(probability: Float64, label: Bools) -> float | None:
    """Return the mean negative log-likelihood, None over nothing."""
    return float(log_losses(probability, label).mean()) if len(label) else None


def brier(probability: Float64, label: Bools) -> float | None:
    """Return the mean squared error of the probabilities, None over nothing."""
    return float(((probability - label) ** 2).mean()) if len(label) else None


def share(part: float, whole: int) -> float | None:
    """Return a part of a whole, None of nothing."""
    return part / whole if whole else None
