"""People whom a proxy before the page knows: it says who it is, by a secret, and who they are, by headers."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.errors import ForbiddenError
from streams.access.groups import role_of
from streams.access.roles import Person, Role
from streams.access.users import LONGEST_NAME

SECRET_HEADER = "x-chillcast-proxy-secret"  # noqa: S105
PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class Proxy:
    """What is agreed with it: the ``secret``, and the headers that name somebody and their groups."""

    secret: str
    roles: Mapping[str, Role]
    user_header: str = "x-forwarded-user"
    groups_header: str = "x-forwarded-groups"

    def person(self, headers: Mapping[str, Sequence[str]], address: str) -> Person | None:
        """Return whom the proxy names; None for what did not come through it, whatever its headers say.

        ``headers`` are in lower case, with all their values. Raises ForbiddenError for somebody without a
        role, and if a header comes twice: then one may be of whoever asks.
        """
        shown = headers.get(SECRET_HEADER, ())
        if len(shown) != 1 or not hmac.compare_digest(shown[0].encode(), self.secret.encode()):
            return None
        name, groups = self._one(headers, self.user_header), self._one(headers, self.groups_header)
        if not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
            return None
        said = [group.strip() for group in groups.split(",") if group.strip()]
        return Person(name, role_of(name, said, self.roles), PROXY, address)

    def _one(self, headers: Mapping[str, Sequence[str]], name: str) -> str:
        values = headers.get(name, ())
        if len(values) > 1:
            raise ForbiddenError(
                f"{name} came {len(values)} times: the proxy has to take out what others send"
            )
        return values[0].strip() if values else ""
