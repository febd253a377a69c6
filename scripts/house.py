"""Draws the house from its imports: rooms as boxes, each above what it imports. Writes docs/images/house.svg.

``python scripts/house.py`` (`make house`) draws it anew; a test fails if they differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "images" / "house.svg"
PACKAGES = ("chillcast", "simulators", "streams", "models")
_WIDTH, _BOX, _GAP, _LEFT, _LINE = 1160, 46, 34, 130, 15

Rooms = dict[str, set[str]]


def rooms(package: str) -> tuple[Rooms, dict[str, list[str]]]:
    """Return which rooms of a package each room imports, and the modules of each room."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    of_module = {
        module: ".".join(module.split(".")[:2])
        for module in graph.modules
        if module.startswith(f"{package}.") and not module.endswith("__main__")
    }
    imports: Rooms = {room: set() for room in of_module.values()}
    modules: dict[str, list[str]] = {room: [] for room in imports}
    for module, room in sorted(of_module.items()):
        if module != room:
            modules[room].append(module.rsplit(".", 1)[1])
        found = {of_module.get(m, room) for m in graph.find_modules_directly_imported_by(module)}
        imports[room] |= found - {room}
    return imports, modules


def levels(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Return rooms in rows, those that import nothing last; each stands above all that it imports."""
    height: dict[str, int] = {}

    def of_room(room: str) -> int:
        if room not in height:
            height[room] = 1 + max((of_room(r) for r in imports[room]), default=-1)
        return height[room]

    rows: dict[int, list[str]] = defaultdict(list)
    for room in sorted(imports):
        rows[of_room(room)].append(room)
    return [rows[i] for i in sorted(rows, reverse=True)]


def direct(imports: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Return the imports between rooms that do not follow from others."""

    def reached(room: str) -> set[str]:
        return imports[room].union(*(reached(r) for r in imports[room]))

    return [
        (room, other)
        for room in sorted(imports)
        for other in sorted(imports[room])
        if not any(other in reached(between) for between in imports[room] - {other})
    ]


def draw() -> str:
    """Return the picture as SVG."""
    parts, top = list[str](), 16
    for package in PACKAGES:
        band, bottom = _band(package, top)
        parts += band
        top = bottom + 18
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" font-family="sans-serif">'
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#6b7a88"/></marker></defs>'
        f'<rect width="{_WIDTH}" height="{top}" fill="#ffffff"/>'
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"


def _band(package: str, top: int) -> tuple[list[str], int]:
    """Return one package's drawing, and where it ends."""
    imports, modules = rooms(package)
    rows = levels(imports)
    bottom = top + _GAP + len(rows) * (_BOX + _GAP)
    place = _places(rows, top + _GAP)
    out = [
        f'<rect x="8" y="{top}" width="{_WIDTH - 16}" height="{bottom - top}" rx="8" fill="#eef2f5"/>',
        f'<text x="22" y="{top + 26}" font-size="17" font-weight="bold" fill="#1d2b36">{package}</text>',
    ]
    for room, other in direct(imports):
        (x1, y1, width1), (x2, y2, width2) = place[room], place[other]
        out.append(
            f'<path d="M{x1 + width1 // 2} {y1 + _BOX}L{x2 + width2 // 2} {y2}" '
            'stroke="#6b7a88" fill="none" marker-end="url(#a)"/>'
        )
    out += [_room(room.split(".")[1], modules[room], place[room]) for row in rows for room in row]
    return out, bottom


def _places(rows: list[list[str]], top: int) -> dict[str, tuple[int, int, int]]:
    """Return left edge, upper edge and width of each room."""
    place: dict[str, tuple[int, int, int]] = {}
    for i, row in enumerate(rows):
        width = min(330, (_WIDTH - _LEFT - 24) // len(row) - 16)
        left = _LEFT + (_WIDTH - _LEFT - 24 - len(row) * (width + 16)) // 2
        for j, room in enumerate(row):
            place[room] = left + j * (width + 16), top + i * (_BOX + _GAP), width
    return place


def _room(name: str, modules: list[str], place: tuple[int, int, int]) -> str:
    x, y, width = place
    held, most = " · ".join(modules), width // 6
    shown = held if len(held) <= most else held[: held.rfind(" · ", 0, most - 2)] + " · …"
    words = (
        f'<text x="{x + 10}" y="{y + 36}" font-size="10.5" fill="#3d4d59">{escape(shown)}</text>'
        if modules
        else ""
    )
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{_BOX}" rx="5" fill="#ffffff" stroke="#9fb0bd"/>'
        f'<text x="{x + 10}" y="{y + 19}" font-size="13" font-weight="bold" fill="#0b4a6f">{name}</text>'
        f"{words}"
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
