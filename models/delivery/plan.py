"""The plan: of what becomes of cases, of the clock and of silences, which notices are sent when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo

import msgspec
from msgspec.structs import replace

from models.delivery.hours import Hours
from models.delivery.notice import (
    FEW,
    SNOOZED,
    STOPPED,
    Delivery,
    Line,
    News,
    Notice,
    Parcel,
    Report,
    Silence,
)
from models.delivery.outbox import Outbox
from models.delivery.routes import Route, Routes
from models.delivery.watch import (
    ESCALATED,
    Told,
    Want,
    Watched,
    after,
    escalation,
    heard,
    is_quiet,
    stop_of,
    wanted,
)
from models.event_time import DAY_MS
from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes
from models.fleet.sites import Sites

_MOST_LINES = 200  # of a notice, each of about a kilobyte: a log takes a megabyte
_KEPT_MS = 8 * DAY_MS  # after its end a case is still in the digest of a week
_MOST_ENDED = 5  # of a machine: a replay ends those of years within a week of the clock


class Aside(msgspec.Struct, frozen=True, array_like=True):
    """Remembered beside cases: silences, the last of each digest, and the last attempt of each channel."""

    silences: tuple[Silence, ...] = ()
    digests: Mapping[str, int] = {}
    ends: Mapping[str, int] = {}


class Plan:
    """Holds every case that is told of, and what has not arrived yet.

    It is moved by `hear`, `beat`, `silence` and `report` alone, and the same moves lead to the same plan.
    ``changed`` are the machines remembered otherwise since whoever saves them last cleared it.
    """

    def __init__(self, routes: Routes, inventory: Inventory) -> None:
        self.routes, self.times = routes, SiteTimes(inventory)
        self.outbox, self.aside = Outbox(), Aside()
        self.changed: set[str] = set()
        self._sites = Sites(inventory)
        self._hours = Hours(self.times, routes.zone)
        self._machines: dict[str, tuple[Watched, ...]] = {}

    def hear(self, news: News) -> None:
        """Take in what became of a case."""
        asset, case = news.case.asset, news.case.case
        others = tuple(w for w in self.remember(asset) if w.case.case != case)
        known = next((w for w in self.remember(asset) if w.case.case == case), None)
        self._know(asset, (*others, heard(known, news)))

    def silence(self, silence: Silence) -> None:
        """Take a silence in; one of the same name takes the place of the one before, or lifts it."""
        others = [s for s in self.aside.silences if s.id != silence.id]
        self.aside = replace(self.aside, silences=(*others, silence))

    def report(self, report: Report) -> list[Delivery]:
        """Take in how an attempt ended; return what is to be on record of it."""
        record = self.outbox.report(report)
        return [self._apart(record)] if record else []

    def beat(self, now_ms: int) -> list[Delivery]:
        """Put into the outbox what is due; return what is given up for want of room."""
        self._forget(now_ms)
        out: list[Delivery] = []
        for route in self.routes.routes:
            if route.digest:
                out += self._digest(route, now_ms)
            else:
                self._want(route, now_ms)
                out += self._escalate(route, now_ms)
                out += self._tell(route, now_ms)
        for asset, watched in list(self._machines.items()):
            self._know(asset, tuple(_looked_at(w, now_ms) for w in watched))
        return [self._apart(record) for record in out]

    def ready(self, now_ms: int) -> list[Parcel]:
        """Return what is to be tried now."""
        return self.outbox.ready(now_ms)

    @property
    def assets(self) -> list[str]:
        """The machines of which anything is known."""
        return sorted(self._machines)

    def remember(self, asset: str) -> tuple[Watched, ...]:
        """Return what is known of the cases of a machine."""
        return self._machines.get(asset, ())

    def restore(self, asset: str, watched: Iterable[Watched]) -> None:
        """Know it again."""
        self._machines[asset] = tuple(watched)

    def _apart(self, record: Delivery) -> Delivery:
        """Return a record of a channel of which no two have the same time: stores tell them by it."""
        time_ms = max(record.time_ms, self.aside.ends.get(record.channel, 0) + 1)
        self.aside = replace(self.aside, ends={**self.aside.ends, record.channel: time_ms})
        return replace(record, time_ms=time_ms)

    def _know(self, asset: str, watched: tuple[Watched, ...]) -> None:
        if watched != self.remember(asset):
            self._machines[asset] = watched
            self.changed.add(asset)

    def _put(self, watched: Watched) -> None:
        asset, case = watched.case.asset, watched.case.case
        self._know(asset, tuple(watched if w.case.case == case else w for w in self.remember(asset)))

    def _every(self) -> Iterator[Watched]:
        for asset in self.assets:
            yield from self._machines[asset]

    def _site(self, watched: Watched) -> str:
        return self._sites.of(watched.case.asset)

    def _takes(self, route: Route, watched: Watched, now_ms: int) -> bool:
        return route.takes(watched.case, self._site(watched), self._hours, now_ms)

    def _want(self, route: Route, now_ms: int) -> None:
        """Find out what a route is to tell, now or later."""
        waiting = self.outbox.cases(route.name)
        for watched in list(self._every()):
            takes, waits = self._takes(route, watched, now_ms), watched.case.case in waiting
            want = wanted(watched, route, now_ms, takes=takes, waits=waits)
            others = {name: w for name, w in watched.wants.items() if name != route.name}
            self._put(replace(watched, wants={**others, route.name: want} if want else others))

    def _tell(self, route: Route, now_ms: int) -> list[Delivery]:
        """Send what is due on a route, a notice for each group."""
        groups: dict[str, list[tuple[Watched, Want]]] = defaultdict(list)
        for watched in self._every():
            want = watched.wants.get(route.name)
            if want is not None and self._may_tell(route, watched, now_ms):
                groups[_group(route, watched, self._site(watched))].append((watched, want))
        wait_ms = 0 if route.group_by == "case" else route.group_wait_s * 1000
        due = [g for g in groups.values() if min(want.since_ms for _, want in g) + wait_ms <= now_ms]
        parts = [group[i : i + _MOST_LINES] for group in due for i in range(0, len(group), _MOST_LINES)]
        return [record for part in parts for record in self._send(route, part, route.channels, now_ms)]

    def _escalate(self, route: Route, now_ms: int) -> list[Delivery]:
        """Tell others of what nobody has acknowledged."""
        out = []
        for watched in list(self._every()):
            step = escalation(watched, route, now_ms)
            if step is not None and self._may_tell(route, watched, now_ms):
                want = Want(kind=ESCALATED, version=watched.case.version, since_ms=now_ms)
                out += self._send(route, [(watched, want)], route.escalations[step].channels, now_ms)
        return out

    def _may_tell(self, route: Route, watched: Watched, now_ms: int) -> bool:
        """Return whether neither quiet hours, a silence nor a planned stop hold."""
        case, site = watched.case, self._site(watched)
        if stop_of(case, now_ms):
            return False
        if route.quiet and self._hours.within(case.asset, now_ms, route.quiet):
            return False
        return not any(s.covers(case, site, now_ms) for s in self.aside.silences)

    def _send(
        self,
        route: Route,
        group: Sequence[tuple[Watched, Want]],
        channels: Sequence[str],
        now_ms: int,
    ) -> list[Delivery]:
        """Put a notice into the outbox, and remember that it was told."""
        lines, kinds, names = [], set(), []
        for watched, want in group:
            told = after(watched.told.get(route.name), want, now_ms)
            names.append(f"{watched.case.case}/{want.version}/{route.name}/{told.count}")
            kinds.add(want.kind)
            lines.append(self._line(watched, want.kind, want.who, want.words, many=len(group) > FEW))
            self._put(_told(watched, route.name, told, want))
        more = f"+{len(names) - 1}" if len(names) > 1 else ""
        kind = kinds.pop() if len(kinds) == 1 else "several"
        name = names[0] + more
        notice = Notice(id=name, route=route.name, kind=kind, time_ms=now_ms, lines=tuple(lines))
        return self.outbox.put(notice, channels, now_ms)

    def _line(
        self, watched: Watched, kind: str, who: str = "", words: str = "", *, many: bool = False
    ) -> Line:
        """Return how a notice says a case; one of many has no evidence, to be of a size that logs take."""
        case = watched.case
        if many:
            case = replace(case, evidence=replace(case.evidence, sensors=(), causes=()))
        return Line(case=case, kind=kind, site=self._site(watched), who=who, words="" if many else words)

    def _digest(self, route: Route, now_ms: int) -> list[Delivery]:
        """Send the list of open cases, and of those that ended since the last one, if it is time."""
        # A place without a case has its digest as well, which says nothing: the next one counts from there.
        places = (place.partition("/") for place in self.aside.digests)
        groups: dict[str, list[Watched]] = {name: [] for told, _, name in places if told == route.name}
        for watched in self._every():
            if self._takes(route, watched, now_ms):
                name = self._site(watched) if route.group_by == "site" else ""
                groups.setdefault(name, []).append(watched)
        out = []
        for name, group in sorted(groups.items()):
            out += self._digest_of(route, name, group, now_ms)
        return out

    def _digest_of(self, route: Route, name: str, group: Sequence[Watched], now_ms: int) -> list[Delivery]:
        place, zone = f"{route.name}/{name}", self._zone(route, name, group)
        due_ms = self._hours.last_digest(zone, now_ms, route.digest, route.digest_at, route.digest_day)
        last_ms = self.aside.digests.get(place)
        if last_ms is not None and due_ms <= last_ms:
            return []
        self.aside = replace(self.aside, digests={**self.aside.digests, place: due_ms})
        if last_ms is None:  # the first is sent at its time
            return []
        shown = [w for w in group if w.case.is_open or w.over_ms > last_ms or w.over_ms == 0]
        many, out = len(shown) > FEW, []
        for i in range(0, len(shown), _MOST_LINES):
            part = shown[i : i + _MOST_LINES]
            lines = tuple(self._as_it_stands(w, now_ms, many=many) for w in part)
            name = f"{place}/{due_ms}{f'+{i}' if i else ''}"
            notice = Notice(id=name, route=route.name, kind="digest", time_ms=now_ms, lines=lines)
            out += self.outbox.put(notice, route.channels, now_ms)
        return out

    def _as_it_stands(self, watched: Watched, now_ms: int, *, many: bool) -> Line:
        """Return how a digest says a case: what keeps it from being told, else its state."""
        case = watched.case
        line = self._line(watched, case.state(now_ms), many=many)
        if not case.is_open:
            return line
        if stop := stop_of(case, now_ms):
            return replace(line, kind=STOPPED, until_ms=stop.until_ms)
        return replace(line, kind=SNOOZED) if is_quiet(case.snoozed, now_ms) else line

    def _zone(self, route: Route, site: str, group: Sequence[Watched]) -> tzinfo:
        if route.group_by != "site":
            return self._hours.zone
        assets = [watched.case.asset for watched in group] or self._sites.machines(site)
        return self.times.zone(next(iter(assets), ""))

    def _forget(self, now_ms: int) -> None:
        """Forget what ended long ago, and silences that are over."""
        for asset, watched in list(self._machines.items()):
            self._know(asset, _kept(watched, now_ms))
            if not self._machines[asset] and asset not in self.changed:
                del self._machines[asset]
        kept = tuple(s for s in self.aside.silences if now_ms < s.until_ms)
        if kept != self.aside.silences:
            self.aside = replace(self.aside, silences=kept)


def _kept(watched: Sequence[Watched], now_ms: int) -> tuple[Watched, ...]:
    """Return the cases of a machine that are not forgotten: of those that ended, the last few of a week."""
    young = [w for w in watched if not w.over_ms or now_ms - w.over_ms < _KEPT_MS]
    ended = [w.case.case for w in young if w.over_ms and not w.wants]
    return tuple(w for w in young if w.case.case not in ended[:-_MOST_ENDED])


def _looked_at(watched: Watched, now_ms: int) -> Watched:
    """Return a case that every route has looked at."""
    over_ms = watched.over_ms or (0 if watched.case.is_open else now_ms)
    return replace(watched, fresh=None, over_ms=over_ms) if watched.fresh or over_ms else watched


def _told(watched: Watched, route: str, told: Told, want: Want) -> Watched:
    """Return a case of which a route has told what it wanted to."""
    wants = {name: w for name, w in watched.wants.items() if name != route or w != want}
    return replace(watched, wants=wants, told={**watched.told, route: told})


def _group(route: Route, watched: Watched, site: str) -> str:
    return {"case": watched.case.case, "site": site, "route": ""}[route.group_by]
