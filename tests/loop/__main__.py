"""`make loop`: the drifting fleet with its loop and without; a table, a picture, and .chillcast/loop.json."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import msgspec

from tests.loop.closed_loop import Told, run_loop, settings_of
from tests.loop.drifting_fleet import Story

HOME, PICTURE = Path(".chillcast"), Path("docs/images/loop.png")
_STEPS = ("tenth signal", "triggered", "in the shadow", "promoted")


def main() -> None:
    """Run both, and write what came of them."""
    story, told = Story(), []
    for looped in (True, False):
        with tempfile.TemporaryDirectory() as home:
            told.append(run_loop(settings_of(Path(home) / "home"), story, looped=looped, say=_say))
    HOME.mkdir(exist_ok=True)
    (HOME / "loop.json").write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
    sys.stdout.write(table(told))
    draw(told, PICTURE)


def table(told: list[Told]) -> str:
    """Return the days of each step, and what share of the shutdowns was announced, as Markdown."""
    on, off = told
    days = [
        f"| {name} | {on.steps[name]} | {on.steps[name] - on.drift} |" for name in _STEPS if name in on.steps
    ]
    spans = {"before": f"{Story().history} to {on.drift}", "drifted": f"{on.drift} to promotion"}
    spans["mended"] = f"promotion to {on.days}"
    rows = [
        f"| {span} | {on.shutdowns[name]} | {on.recall[name]:.2f} | {_of(off, name)} |"
        for name, span in spans.items()
        if name in on.recall
    ]
    head = ["| step | day | days after the drift |", "|---|---|---|", *days, ""]
    return "\n".join(
        [*head, "| days | shutdowns | announced | with the loop off |", "|---|---|---|---|", *rows, ""]
    )


def _of(off: Told, name: str) -> str:
    """Return the share that was announced without the loop, whose drift lasts to the end."""
    return f"{off.recall['before' if name == 'before' else 'drifted']:.2f}"


def draw(told: list[Told], path: Path) -> None:
    """Draw the share announced over time, with and without the loop, and the steps."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    for one, style, words in zip(told, ("o-", "s--"), ("with the loop", "with the loop off"), strict=True):
        rows = [(day + 7.5, announced / many) for day, announced, many in one.by_days if many]
        axes.plot(*zip(*rows, strict=True), style, label=words, color="#1f6fb2" if one.looped else "#9aa7b2")
    marks = {
        "drift": told[0].drift,
        **{name: told[0].steps[name] for name in _STEPS if name in told[0].steps},
    }
    for i, (name, day) in enumerate(marks.items()):
        axes.axvline(day, color="#c0392b" if name == "drift" else "#555", linewidth=1, linestyle=":")
        axes.annotate(f" {name}", (day, 1.12 + 0.07 * (i % 3)), fontsize=8, rotation=0, annotation_clip=False)
    axes.set(xlabel="day", ylabel="share of shutdowns announced", ylim=(-0.03, 1.32))
    axes.set_yticks([0, 0.5, 1.0])
    axes.legend(frameon=False, loc=(0.32, 0.55))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
