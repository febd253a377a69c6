"""A group's committed offsets: what its coordinator refuses is asked again, and not taken for none.

aiokafka looks at the errors of partitions alone. While a broker that was restarted still reads the offsets of
its groups, or another has become coordinator, the error is that of the group, and no partition is named: a
group would have committed nothing, and what it has done would be done, and written, once more.
"""

from __future__ import annotations

from typing import Any

from aiokafka.consumer import consumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    NoError,
    NotCoordinatorForGroupError,
    for_code,
)
from aiokafka.protocol.commit import OffsetFetchRequest

_ELSEWHERE = (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError)


class HeedingCoordinator(GroupCoordinator):  # type: ignore[misc]
    """Raises what is refused to a whole group; aiokafka then asks again, if that may help."""

    async def _send_req(self, request: Any) -> Any:
        answer = await super()._send_req(request)
        if isinstance(request, OffsetFetchRequest):
            self._heed(getattr(answer, "error_code", 0))  # the first versions have none
        return answer

    def _heed(self, code: int) -> None:
        error = for_code(code)
        if error is NoError:
            return
        if error in _ELSEWHERE:
            self.coordinator_dead()
        raise error(f"committed offsets of {self.group_id}")


def heed_refusals() -> None:
    """Have every consumer of aiokafka in this process heed what is refused to its group."""
    consumer.GroupCoordinator = HeedingCoordinator
