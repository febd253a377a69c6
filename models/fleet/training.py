"""How the risk model of a fleet is fitted."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pydantic import Field

from models.fleet.config import means, table
from models.fleet.kinds import Key, NotNegative, Parameters, Positive


@table
class Training:
    """How the risk model is fitted."""

    features: Annotated[
        tuple[str, ...],
        Field(min_length=1),
        means("shell patterns of the feature names that the model may use"),
    ] = ("*",)
    rounds: Annotated[
        NotNegative, means("number of trees; none is for a pre-trained model that is taken as it is")
    ] = 200
    early_stopping: Annotated[
        Positive | None,
        means(
            "stop after so many trees that did not better the log-loss on the end of the training slice; "
            "`rounds` is then the most"
        ),
    ] = None
    censor: Annotated[
        tuple[str, ...],
        means(
            "kinds of events, as `maintenance`, after which a machine's future is not known; one while it "
            "stands after a shutdown is its repair, and hides nothing"
        ),
    ] = ()
    downtime_s: Annotated[
        NotNegative | None,
        means(
            "a machine counts as running again so long after a shutdown, with its restart event, or, if it "
            "logs none, once `[running]` tells that it runs; without all of these right after it"
        ),
    ] = None
    stride_s: Annotated[Positive | None, means("learn only from windows whose end is a multiple of it")] = (
        None
    )
    calibration_share: Annotated[
        float,
        Field(ge=0, lt=1),
        means("share of the history, at its end, kept for calibration and threshold"),
    ] = 0.25
    calibration_folds: Annotated[
        NotNegative,
        means(
            "instead: calibration and threshold are learnt on all of the history, each machine seen by what "
            "was learnt on those of the other folds; `alerting.every_s` is then a multiple of "
            "`stride_s`, and there are no `[segments]`"
        ),
    ] = 0
    pretrained: Annotated[
        str,
        means(
            "a shipped pre-trained model, or the folder of one, with which learning begins: own trees are "
            "added as far as they pay out of fold"
        ),
    ] = ""
    negatives_per_positive: Annotated[Positive, means("how far negatives are thinned")] = 20
    cause_outcomes: Annotated[Positive, means("shutdowns that a reason needs to be learnt for itself")] = 5
    cause_rounds: Annotated[Positive, means("how many trees tell the reasons apart")] = 50
    parameters: Annotated[
        Parameters,
        means(
            "LightGBM's parameters as they are; those that chillcast settles are refused, as objective, "
            "seed and the number of trees"
        ),
    ] = field(default_factory=dict)
    rule: Annotated[tuple[Key, ...], means("sensors whose sum is the rule to beat")] = ()
