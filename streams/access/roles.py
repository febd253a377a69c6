"""What each role may do: the one table that page, API and commands go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from models.cases.people import Action, Command
from models.errors import ForbiddenError

Role = Literal["viewer", "technician", "lead", "data-scientist", "admin"]
Right = Literal[
    "see",
    "comment",
    "acknowledge",
    "take",
    "assign",
    "snooze",
    "resolve",
    "reopen",
    "plan",
    "models",
    "redrive",
    "audit",
    "people",
]
ROLES: tuple[Role, ...] = get_args(Role)
RIGHTS: tuple[Right, ...] = get_args(Right)

_WORK: frozenset[Right] = frozenset({"see", "comment", "acknowledge", "take", "snooze", "resolve", "plan"})
MAY: Mapping[Role, frozenset[Right]] = {
    "viewer": frozenset({"see"}),
    "technician": _WORK,
    "lead": _WORK | {"assign", "reopen", "audit"},
    "data-scientist": frozenset({"see", "comment", "models", "redrive", "audit"}),
    "admin": frozenset(RIGHTS),
}
MEANINGS: Mapping[Right, str] = {
    "see": "look at the fleet, machines and cases",
    "comment": "add words to a case",
    "acknowledge": "acknowledge a case, and take that back",
    "take": "take a case for oneself, and give back one's own",
    "assign": "give a case to anybody, or take it from whoever has it",
    "snooze": "keep a case quiet, and lift that",
    "resolve": "say what a case was: a label, from which models learn",
    "reopen": "take up again what is over",
    "plan": "enter planned stops of machines and sites, and cancel them",
    "models": "change which model scores",
    "redrive": "send dead letters again",
    "audit": "read the record of changes",
    "people": "say who there is, and what they may do",
}
_OF_ACTION: Mapping[Action, Right] = {
    "comment": "comment",
    "acknowledge": "acknowledge",
    "unacknowledge": "acknowledge",
    "assign": "assign",
    "snooze": "snooze",
    "unsnooze": "snooze",
    "resolve": "resolve",
    "reopen": "reopen",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: under which name, with which role, how they showed who they are, and from which address."""

    name: str
    role: Role
    via: str
    address: str = ""

    def may(self, right: Right) -> bool:
        """Return whether the role has a right.

        >>> Person("ann", "technician", "session").may("resolve")
        True
        """
        return right in MAY[self.role]

    def require(self, right: Right) -> None:
        """Raise ForbiddenError, with what it would take, unless the role has a right."""
        if not self.may(right):
            able = ", ".join(role for role in ROLES if right in MAY[role])
            raise ForbiddenError(f"{self.role}: may not {MEANINGS[right]}; {able} may")


def right_of(command: Command, has: str) -> Right:
    """Return what somebody must be allowed, to whom a command on a case belongs that ``has`` has, or nobody.

    To take a case that nobody has, and to give back one's own, is less than to give it to somebody.
    """
    if command.action != "assign":
        return _OF_ACTION[command.action]
    is_own = {has, command.assignee} <= {"", command.who}
    return "take" if is_own else "assign"
