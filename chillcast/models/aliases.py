"""Aliases that somebody changed in MLflow: noticed and put on record, and not obeyed.

What was promoted is the truth, an alias only shows it: workers never ask for one.
"""

from __future__ import annotations

from typing import get_args

from chillcast.models.registered import Registered
from models.registry.promotion import Role
from streams.access.audit import Deed, Line
from streams.access.roles import Person

_ACTION = "alias changed"
_STRAYED, _RIGHT = "not obeyed", "as recorded again"


def roles_of(registered: Registered) -> dict[str, tuple[str, ...]]:
    """Return the roles that each version has by what was promoted, whatever MLflow shows."""
    found: dict[str, tuple[str, ...]] = {}
    for role, version in _recorded(registered).items():
        found[version] = (*found.get(version, ()), role)
    return found


def strayed(registered: Registered) -> dict[Role, str]:
    """Return, by role, what an alias in the registry says that was not promoted; reaches the registry."""
    shown, recorded = registered.registry.aliases(registered.fleet.name), _recorded(registered)
    return {
        role: _words(registered, role, shown.get(role), recorded.get(role))
        for role in get_args(Role)
        if shown.get(role) != recorded.get(role)
    }


def notice(registered: Registered, by: Person) -> list[str]:
    """Put on record which aliases have strayed since it was last looked, and which are right again."""
    now, audit, new = strayed(registered), registered.resources.audit, []
    for role in get_args(Role):
        about = f"alias {role} of {registered.fleet.name}"
        last = _last(registered, about)
        before = last.detail if last is not None and last.result == _STRAYED else ""
        if (text := now.get(role, "")) != before:
            deed = Deed(_ACTION, about, _STRAYED, text) if text else Deed(_ACTION, about, _RIGHT)
            audit.write(by, deed)
            new += [text] if text else []
    return new


def _recorded(registered: Registered) -> dict[Role, str]:
    found = {role: registered.promotions.newest(role) for role in get_args(Role)}
    return {role: promotion.version for role, promotion in found.items() if promotion}


def _words(registered: Registered, role: Role, shown: str | None, recorded: str | None) -> str:
    on = f"is on version {shown}" if shown else "is gone"
    promoted = f"version {recorded} was promoted" if recorded else "none was promoted"
    return (
        f"alias {role} of {registered.fleet.name} in MLflow {on}, {promoted}: "
        "it was changed there, or MLflow was not told; workers do not obey it"
    )


def _last(registered: Registered, about: str) -> Line | None:
    """Return the last line about an alias: others may have its words in them."""
    lines = registered.resources.audit.read(words=f"{_ACTION} {about}")
    return next((line for line in lines if (line.action, line.about) == (_ACTION, about)), None)
