"""What InfluxDB 2 needs before a sink writes: buckets with retention, a down-sampling task, two tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.permission import Permission
from influxdb_client.domain.permission_resource import PermissionResource
from influxdb_client.domain.task_create_request import TaskCreateRequest
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from models.errors import UnavailableError, shown

DAILY = "_daily"
WRITER, READER = "writer", "reader"
_TIMEOUT_MS = 20_000
_LEAST_S, _DAY_S = 3600, 86_400  # InfluxDB keeps nothing for less than an hour
_DAILY_FLUX = """\
import "date"

option task = {{name: "{name}", every: 1d, offset: 1h}}

scores = from(bucket: "{source}")
    |> range(start: date.truncate(t: -3d, unit: 1d), stop: date.truncate(t: now(), unit: 1d))
    |> filter(fn: (r) => r._measurement == "scores" and r._field =~ /^(risk_.*|adapted|evidence)$/)

scores
    |> aggregateWindow(every: 1d, fn: max, createEmpty: false, timeSrc: "_start")
    |> map(fn: (r) => ({{r with _field: r._field + "_max"}}))
    |> to(bucket: "{target}")

scores
    |> aggregateWindow(every: 1d, fn: mean, createEmpty: false, timeSrc: "_start")
    |> map(fn: (r) => ({{r with _field: r._field + "_mean"}}))
    |> to(bucket: "{target}")
"""

_HINT = "check CHILLCAST_INFLUX_ADMIN_TOKEN: it has to be one that may do all in the organisation"

Done = Literal["made", "changed", "kept"]


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days points are kept, and their daily summaries; 0 is for ever."""

    days: int = 0
    daily_days: int = 0


class Step(msgspec.Struct, frozen=True):
    """What became of one thing that has to be there."""

    what: str
    name: str
    done: Done


@dataclass(frozen=True, slots=True)
class SetUp:
    """What was done, and the tokens by their names."""

    steps: tuple[Step, ...]
    tokens: dict[str, str] = field(repr=False)


class InfluxSetup:
    """Makes what is missing, changes what is otherwise, and keeps the rest; needs a token that may do all."""

    def __init__(self, url: str, admin_token: str, org: str, bucket: str) -> None:
        self.name, self.org, self.bucket = f"InfluxDB {shown(url)}", org, bucket
        self._client = InfluxDBClient(url=url, token=admin_token, org=org, timeout=_TIMEOUT_MS)

    def run(self, retention: Retention) -> SetUp:
        """Set up. Raises UnavailableError if the server is away, or refuses the token or the organisation."""
        try:
            return self._run(retention)
        except ApiException as error:
            said = f"{error.status} {error.reason}"
            raise UnavailableError(f"{self.name}: {said}; {_HINT}") from error
        except (HTTPError, OSError) as error:
            raise UnavailableError(f"{self.name} does not answer: {error}") from error

    def close(self) -> None:
        """Release the connection."""
        self._client.close()

    def _run(self, retention: Retention) -> SetUp:
        org = self._organisation()
        daily = self.bucket + DAILY
        fine = self._bucket(org, self.bucket, retention.days)
        coarse = self._bucket(org, daily, retention.daily_days)
        flux = _DAILY_FLUX.format(name=daily, source=self.bucket, target=daily)
        task = self._task(org, daily, flux)
        buckets = [fine[1], coarse[1]]
        writer = self._token(org, WRITER, [("write", fine[1])])
        reader = self._token(org, READER, [("read", bucket) for bucket in buckets])
        steps = (fine[0], coarse[0], task, writer[0], reader[0])
        return SetUp(steps, {WRITER: writer[1], READER: reader[1]})

    def _organisation(self) -> str:
        found = self._client.organizations_api().find_organizations(org=self.org)
        if not found:
            raise UnavailableError(f"{self.name}: no organisation {self.org} for this token; {_HINT}")
        return str(found[0].id)

    def _bucket(self, org: str, name: str, days: int) -> tuple[Step, str]:
        buckets, keeps_s = self._client.buckets_api(), days * _DAY_S
        rules = [BucketRetentionRules(type="expire", every_seconds=keeps_s)]
        found = buckets.find_bucket_by_name(name)
        if found is None:
            made = buckets.create_bucket(bucket_name=name, org_id=org, retention_rules=rules)
            return Step("bucket", name, "made"), str(made.id)
        if sum(rule.every_seconds for rule in found.retention_rules) == keeps_s:
            return Step("bucket", name, "kept"), str(found.id)
        found.retention_rules = rules
        buckets.update_bucket(found)
        return Step("bucket", name, "changed"), str(found.id)

    def _task(self, org: str, name: str, flux: str) -> Step:
        tasks = self._client.tasks_api()
        found = next(iter(tasks.find_tasks(name=name)), None)
        if found is None:
            tasks.create_task(task_create_request=TaskCreateRequest(org_id=org, flux=flux, status="active"))
            return Step("task", name, "made")
        if found.flux == flux and found.status == "active":
            return Step("task", name, "kept")
        found.flux, found.status = flux, "active"
        tasks.update_task(found)
        return Step("task", name, "changed")

    def _token(self, org: str, kind: str, may: Sequence[tuple[str, str]]) -> tuple[Step, str]:
        """Return a token that may do this and nothing else; one of ours that may do otherwise is replaced."""
        tokens, name = self._client.authorizations_api(), f"{self.bucket} {kind}"
        own = [one for one in tokens.find_authorizations() if one.description == name]
        fitting = [one for one in own if set(_allowed(one)) == set(may) and one.status == "active"]
        if fitting:
            return Step("token", name, "kept"), str(fitting[0].token)
        for one in own:
            tokens.delete_authorization(one)
        permissions = [
            Permission(action=action, resource=PermissionResource(type="buckets", id=bucket, org_id=org))
            for action, bucket in may
        ]
        made = tokens.create_authorization(org_id=org, permissions=permissions)
        made.description = name
        tokens.update_authorization(made)
        return Step("token", name, "changed" if own else "made"), str(made.token)


def _allowed(authorization: Any) -> Iterator[tuple[str, str]]:
    for permission in authorization.permissions:
        yield permission.action, str(permission.resource.id)
