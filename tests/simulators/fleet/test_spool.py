"""What is spooled by machine comes back by the hour."""

import numpy as np

from simulators.fleet.spool import Spool


def test_values_come_back_for_all_machines_and_any_steps() -> None:
    days = np.random.default_rng(1).standard_normal((2, 7, 24, 3)).astype(np.float32)
    spool = Spool(24, 3)
    for day in days:
        spool.fill([day[:4], day[4:]])
        for first, last in ((0, 1), (5, 11), (0, 24)):
            np.testing.assert_array_equal(spool.read(first, last), day[:, first:last])
