"""The doctor: looks at all that a pipeline stands on, changes nothing, and says what to do."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import urllib3

from chillcast.doctor.broker_checks import broker_findings
from chillcast.doctor.findings import Finding, guarded, skipped
from chillcast.models.modelling import Models
from chillcast.pipeline.telling import channels_of
from chillcast.resources import Resources, open_store
from chillcast.settings import Settings
from models.delivery.routes import Route
from models.errors import ChillcastError, ModelError, UnavailableError
from models.fleet.fleet import Fleet, load_fleet
from models.registry.manifest import champion, load_features, read_manifest
from streams.stores.sqlite import SqliteStore

_ANSWER_S = 5.0
_LOOKED_AT_S = 20.0
_NAMED = 5
_UNREADABLE = "the fleet file is not readable"
_WRITE_ADVICE = {
    401: "correct CHILLCAST_INFLUX_TOKEN",
    403: "use a token that may write to, and read from, this bucket",
    404: "create the bucket and organisation, or correct their names",
}


def examine(read: Callable[[], Settings]) -> list[Finding]:
    """Return what every check finds; ``read`` reads the settings, and may refuse them."""
    try:
        settings = read()
    except ChillcastError as error:
        return [Finding("FAIL", "settings", str(error), "correct it and ask again")]
    first = [_home(settings), guarded("fleet", "correct the fleet file", lambda: _fleet(settings))]
    fleet = load_fleet(settings.fleet_path) if first[1].status != "FAIL" else None
    return [*first, *broker_findings(settings, fleet), *_stands_on(settings, fleet)]


def healthy(findings: Sequence[Finding]) -> bool:
    """Return whether nothing failed."""
    return all(finding.status != "FAIL" for finding in findings)


def to_json(findings: Sequence[Finding]) -> str:
    """Return the findings as one JSON object."""
    return msgspec.json.encode({"healthy": healthy(findings), "findings": findings}).decode()


def _home(settings: Settings) -> Finding:
    home = settings.home_path
    if _is_writable(home):
        return Finding("ok", "settings", f"everything is written under {home}")
    return Finding("FAIL", "settings", f"{home} is not writable", "correct CHILLCAST_HOME, or its owner")


def _is_writable(folder: Path) -> bool:
    """Return whether a folder can be written to, or created where it is."""
    there = next((p for p in (folder, *folder.parents) if p.exists()), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _fleet(settings: Settings) -> Finding:
    fleet = load_fleet(settings.fleet_path)
    detail = f"{fleet.name}: {len(fleet.sensors)} sensors, {len(fleet.sampling.windows_s)} windows"
    unknown = [
        f"{name!r} of {asset}" for asset, name in Resources(settings, fleet).site_times.unknown.items()
    ]
    if unknown:
        detail = f"{detail}; nobody knows zone {', '.join(unknown[:_NAMED])}, so that UTC is shown"
        return Finding("warn", "fleet", detail, "chillcast data inventory FILE corrects the timezone")
    return Finding("ok", "fleet", detail)


def _stands_on(settings: Settings, fleet: Fleet | None) -> list[Finding]:
    store = guarded("store", "correct it, or the CHILLCAST_INFLUX_ settings", lambda: _store(settings))
    if fleet is None:
        return [
            *skipped(["model"], _UNREADABLE),
            store,
            *skipped(["evidence", "registry", "delivery"], _UNREADABLE),
        ]
    return [
        guarded("model", "chillcast train CONFIG --promote promotes one", lambda: _model(settings, fleet)),
        store,
        guarded("evidence", "see what is said of the store", lambda: _evidence(settings)),
        guarded("registry", "start it, or mend CHILLCAST_REGISTRY_URI", lambda: _registry(settings, fleet)),
        guarded("delivery", "correct the routes file, or the channels", lambda: _delivery(settings, fleet)),
    ]


def _model(settings: Settings, fleet: Fleet) -> Finding:
    version, folder = champion(Resources(settings, fleet).promotions.folder)
    try:
        owner, _ = load_features(folder, fleet)
    except ModelError as error:
        remedy = "train again, or use the fleet file that it was trained with"
        return Finding("FAIL", "model", f"version {version}: {error}", remedy)
    whose = "" if owner is fleet else ", of the fleet file that it brings along"
    features = read_manifest(folder).fingerprint
    return Finding("ok", "model", f"version {version} of {fleet.name}, features {features}{whose}")


def _delivery(settings: Settings, fleet: Fleet) -> Finding:
    """Look at routes and channels as the delivery worker would; nothing is sent."""
    if not settings.routes:
        return Finding("ok", "delivery", "nobody is told of cases: CHILLCAST_ROUTES is not set")
    resources = Resources(settings, fleet)
    routes, channels = resources.routes.routes, channels_of(resources)
    named = {name for route in routes for name in (*route.channels, *_escalated(route))}
    detail = f"{len(routes)} routes over {', '.join(sorted(named)) or 'no channel'}"
    unused = sorted(channels.keys() - named)
    if unused:
        return Finding("warn", "delivery", f"{detail}; no route names {', '.join(unused)}", "add a route")
    return Finding("ok", "delivery", f"{detail}; chillcast notify test CHANNEL tries one")


def _escalated(route: Route) -> list[str]:
    return [name for step in route.escalations for name in step.channels]


def _store(settings: Settings) -> Finding:
    if settings.influx_url:
        return _influx(settings)
    path = settings.store_path
    if not path.exists():
        return Finding("ok", "store", f"{path} comes into being with the first score")
    with closing(SqliteStore(path)) as store:
        store.flush()
        whole = store.check(_LOOKED_AT_S)
    seen = (
        "it is whole"
        if whole
        else f"no damage was found in {_LOOKED_AT_S:g} s, which did not suffice for all"
    )
    return Finding("ok", "store", f"{path} can be written; {seen}")


def _evidence(settings: Settings) -> Finding:
    """Say of which machines the newest score says no risk, since it stands on too little."""
    if not settings.influx_url and not settings.store_path.exists():
        return Finding("ok", "evidence", "no machine has a score yet")
    with closing(open_store(settings)) as store:
        newest = store.latest("scores")
    unsaid = sorted(
        row.tags.get("asset", "")
        for row in newest
        if "evidence" in row.fields and not any(name.startswith("risk_") for name in row.fields)
    )
    if not unsaid:
        return Finding("ok", "evidence", f"a risk is said of each of {len(newest)} machines")
    detail = f"no risk is said of {len(unsaid)} of {len(newest)} machines: {', '.join(unsaid[:_NAMED])}"
    return Finding("warn", "evidence", detail, "too few of their sensors have values: see their gateway")


def _influx(settings: Settings) -> Finding:
    """Ask whether a point would be taken, with a write that holds none, then read."""
    url, bucket = settings.influx_url, settings.influx_bucket
    query = urlencode({"org": settings.influx_org, "bucket": bucket})
    token = {"Authorization": f"Token {settings.influx_token.get_secret_value()}"}
    status = _status(f"InfluxDB {url}", "POST", f"{url.rstrip('/')}/api/v2/write?{query}", token)
    if status >= 300:
        remedy = _WRITE_ADVICE.get(status, "the server is in trouble: see its log")
        return Finding("FAIL", "store", f"InfluxDB {url} answers {status} to a write", remedy)
    with closing(open_store(settings)) as store:
        store.history("scores", "", 0, 1)
    return Finding("ok", "store", f"InfluxDB {url}: bucket {bucket} can be written and read")


def _registry(settings: Settings, fleet: Fleet) -> Finding:
    if importlib.util.find_spec("mlflow") is None:
        detail = "MLflow is not installed: workers run, nothing can be trained or promoted here"
        return Finding("warn", "registry", detail, "pip install 'chillcast[registry]'")
    uri = settings.registry
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        return Finding("warn", "registry", f"{uri} does not exist yet", "the first training creates it")
    if uri.startswith("http"):
        # MLflow's own client would try for minutes.
        _status(f"registry {uri}", "GET", f"{uri.rstrip('/')}/health")
    models = Models(Resources(settings, fleet))
    astray = models.strayed()
    if astray:
        remedy = "chillcast models history says what was promoted; the next promotion sets the alias anew"
        return Finding("warn", "registry", "; ".join(astray), remedy)
    return Finding("ok", "registry", f"{uri} holds {len(models.versions())} versions of {fleet.name}")


def _status(who: str, method: str, url: str, headers: Mapping[str, str] | None = None) -> int:
    """Return the HTTP status of a request without a body; raises UnavailableError if there is none."""
    try:
        return urllib3.request(method, url, headers=headers, timeout=_ANSWER_S, retries=False).status
    except urllib3.exceptions.HTTPError as error:
        raise UnavailableError(f"{who} does not answer ({type(error).__name__})") from error
