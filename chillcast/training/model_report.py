"""What a model is worth, for people: a report in HTML that needs nothing else, and a card in Markdown."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from chillcast.training.training import TrainingRun, without_causes
from models.evaluation.backtest import BacktestResult
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.risk.model_set import summary

_FOLDER = Path(__file__).parent / "templates"
_BLUE, _GREY = "#1f6fb2", "#9aa7b2"


def write_report(run: TrainingRun, path: Path) -> None:
    """Write the report; the plots stand in it as SVG."""
    alerting = run.fleet.alerting
    budget = (
        f"the riskiest {alerting.daily_share:.0%} a day"
        if alerting.daily_share
        else f"{alerting.false_alarms_per_asset_year:g}"
    )
    text = (
        _templates(autoescape=True)
        .get_template("report.html")
        .render(
            run=run,
            model=run.judgements[0],
            budget=budget,
            lead=_svg(draw_lead(run.judgements[0], alerting)),
            calibration=_svg(draw_calibration(run.judgements[0])),
            without_causes=without_causes(run.fitted.causes, run.fitted.training.cause_outcomes),
            segments=summary(run.fitted.models.index),
        )
    )
    path.write_text(text, encoding="utf-8")


def write_card(run: TrainingRun, sha256: str, path: Path) -> None:
    """Write the model card of a bundle."""
    text = (
        _templates(autoescape=False)
        .get_template("card.md")
        .render(
            run=run,
            sha=sha256,
            trees=run.fitted.model.booster.num_trees(),
            horizons=", ".join(f"{h:g}" for h in run.fleet.horizons_d),
            missed=_missed_most(run.judgements[0]),
            segments=summary(run.fitted.models.index),
        )
    )
    path.write_text(text, encoding="utf-8")


def draw_calibration(model: BacktestResult) -> Figure:
    """Draw what was predicted against what followed, for windows of about the same risk."""
    figure = Figure(figsize=(5.2, 4.2), layout="constrained")
    axes = figure.subplots()
    bins = model.calibration
    top = max([b.predicted for b in bins] + [b.observed for b in bins] + [1e-4]) * 1.05
    axes.plot([0, top], [0, top], color=_GREY, linewidth=1, label="what would be right")
    axes.plot([b.predicted for b in bins], [b.observed for b in bins], "o-", color=_BLUE, label="the model")
    axes.set(xlabel="risk that was predicted", ylabel="share that it came true", xlim=(0, top), ylim=(0, top))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_lead(model: BacktestResult, alerting: Alerting) -> Figure:
    """Draw how many days ahead the announced outcomes were announced: no more than a case stands."""
    figure = Figure(figsize=(7.2, 2.6), layout="constrained")
    axes, case_d = figure.subplots(), alerting.case_ms / DAY_MS
    axes.hist(model.lead_days, bins=range(int(case_d) + 2), color=_BLUE, rwidth=0.9)
    axes.set(xlabel="days ahead", ylabel="outcomes", xlim=(0, case_d + 1))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _missed_most(model: BacktestResult) -> str:
    found = sorted(model.by_cause.items(), key=lambda item: item[1].alerted - item[1].shutdowns)[:3]
    worst = [(name, t.shutdowns - t.alerted, t.shutdowns) for name, t in found if t.alerted < t.shutdowns]
    return ", ".join(f"{name} ({missed} of {of} missed)" for name, missed, of in worst)


def _svg(figure: Figure) -> str:
    """Return a figure as SVG to stand in a page, always the same for the same figures."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "chillcast"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _templates(*, autoescape: bool) -> Environment:
    found = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=autoescape,  # noqa: S701  (a card is Markdown)
        undefined=StrictUndefined,
        trim_blocks=False,
    )
    found.filters.update(
        share=lambda x: "–" if x is None else f"{x:.0%}",
        number=lambda x: "–" if x is None else f"{x:.1f}",
        number3=lambda x: "–" if x is None else f"{x:.3f}",
    )
    return found
