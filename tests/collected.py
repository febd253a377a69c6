"""The windows that came out of a kernel or a stage, by asset and end."""

from __future__ import annotations

from models.kernel import Windows

Final = dict[tuple[str, int], bytes]


def collect(into: Final, windows: Windows) -> None:
    """Keep the bytes of each window; of several revisions the last stays."""
    for i in range(len(windows)):
        key = (windows.assets[windows.asset[i]], int(windows.end_ms[i]))
        into[key] = windows.values[i].tobytes()
