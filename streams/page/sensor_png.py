"""A small picture of a sensor as PNG, for mails: most of them show no SVG."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from streams.page.sensor_chart import SensorSeries, band_of

_SIZE_IN, _DPI = (2.4, 0.6), 150
_INK, _BAND, _AWAY = "#1d5fa8", "#d3d9e0", "#a65b00"


def draw_png(series: SensorSeries) -> bytes:
    """Return the picture: what is usual as a band, what was read as a line, days that depart as points.

    Empty if there are fewer than two readings.
    """
    if len(series.days) < 2:
        return b""
    figure = Figure(figsize=_SIZE_IN, dpi=_DPI, facecolor="white")
    axes = figure.add_axes((0.01, 0.04, 0.98, 0.92))
    axes.set_axis_off()
    known = [(t, band) for t, one in series.days if (band := band_of(one)) is not None]
    low, high = [band[0] for _, band in known], [band[1] for _, band in known]
    axes.fill_between([t for t, _ in known], low, high, color=_BAND, linewidth=0)
    axes.plot([t for t, _ in series.days], [one.value for _, one in series.days], color=_INK, linewidth=1.2)
    away = [(t, one.value) for t, one in series.days if series.departs(one)]
    axes.plot([t for t, _ in away], [v for _, v in away], "o", color=_AWAY, markersize=3)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()
