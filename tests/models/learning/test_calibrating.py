"""What the later slice settles, or says that it cannot."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import ModelError
from models.event_time import DAY_MS
from models.learning.calibrating import threshold_of
from models.telemetry.event_log import EventLog
from models.telemetry.window_keys import WindowKeys
from tests.support.rising_fleet import fleet, plan


@pytest.mark.parametrize("daily_share", [None, 0.05])
def test_no_threshold_is_learnt_of_windows_of_which_no_risk_is_said(daily_share: float | None) -> None:
    keys = WindowKeys(("a",), np.zeros(3, np.int32), np.arange(3) * DAY_MS)
    with pytest.raises(ModelError, match=r"no risk is said of any of 3 windows.*least_evidence"):
        threshold_of(plan(fleet(daily_share=daily_share)), np.full(3, np.nan), keys, EventLog())
