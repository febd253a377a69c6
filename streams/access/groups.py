"""Which role somebody has whom others know: by the groups that these say somebody is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.errors import ForbiddenError
from streams.access.roles import Role
from streams.access.users import known_role

ANYBODY = "*"


def read_groups(text: str) -> Mapping[str, Role]:
    """Return the role of each group as a setting has them; raises ConfigError for what is no role.

    >>> read_groups("plant-leads=lead,*=viewer")
    {'plant-leads': 'lead', '*': 'viewer'}
    """
    pairs = (pair.rpartition("=") for pair in text.split(",") if pair)
    return {group.strip(): known_role(role.strip()) for group, _, role in pairs}


def role_of(name: str, groups: Iterable[str], roles: Mapping[str, Role]) -> Role:
    """Return the role of the first of ``roles`` whose group somebody is in; raises ForbiddenError if of none.

    >>> role_of("ann", ["staff", "b"], {"a": "admin", "b": "lead", "*": "viewer"})
    'lead'
    """
    has = {*groups, ANYBODY}
    for group, role in roles.items():
        if group in has:
            return role
    raise ForbiddenError(f"{name} has no role here: CHILLCAST_PAGE_ROLES names none of their groups")
