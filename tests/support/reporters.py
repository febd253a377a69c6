"""Reporters that keep what they are given."""

from __future__ import annotations

from chillcast.terminal.reporter import Reporter


class Alarms(Reporter):
    """Keeps alarms instead of printing them."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__()
        self.kept = kept

    def alarm(self, text: str) -> None:
        self.kept.append(text)


class Said(Reporter):
    """Keeps lines and alarms."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def line(self, text: str) -> None:
        self.said.append(text)

    def alarm(self, text: str) -> None:
        self.said.append(f"ALARM {text}")
