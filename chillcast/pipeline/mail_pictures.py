"""Pictures for mails: what the sensors that speak for a case read, drawn from the store."""

from __future__ import annotations

import logging
from contextlib import closing

from chillcast.resources import Resources
from chillcast.terminal.plotting import keep_cache_under
from models.cases.case import Case
from models.errors import UnavailableError
from streams.delivery.wording import NONE, Picture, Pictures
from streams.page.evidence import evidence_series
from streams.redaction import redact

log = logging.getLogger(__name__)

_MOST = 3


def pictures_of(resources: Resources, case: Case) -> Pictures:
    """Return pictures of the first sensors of a case; none if the store does not answer: no mail waits."""
    keep_cache_under(resources.settings.home_path)
    from streams.page.sensor_png import draw_png  # noqa: PLC0415  (Matplotlib is large; few channels are mails)

    try:
        with closing(resources.open_reader()) as reader:
            series = evidence_series(reader, resources.fleet, case)
    except UnavailableError as error:
        log.warning("a mail of %s goes without pictures: %s", case.case, redact(str(error)))
        return NONE
    zone = resources.site_times.zone(case.asset)
    keys = [one.key for one in case.evidence.sensors if one.key in series][:_MOST]
    drawn = {key: Picture(draw_png(series[key]), series[key].summary(zone)) for key in keys}
    return {key: picture for key, picture in drawn.items() if picture.png}
