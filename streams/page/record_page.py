"""The page of the record: who decided and changed what, when, why, and what came of it."""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from streams.access.audit import Audit
from streams.page.door import person_of
from streams.page.record_list import AT_ONCE, KIND_WORDS, WantedLines, as_csv

_MOST = 20_000


class RecordPage:
    """Lists the record, a page at a time, to who may read it; ``render`` makes HTML of a template."""

    def __init__(self, audit: Audit | None, render: Callable[..., bytes]) -> None:
        self.audit, self.render = audit, render

    @property
    def routes(self) -> list[Route]:
        """Where it is."""
        return [Route("/record", self.show), Route("/record.csv", self.table)]

    async def show(self, request: Request) -> Response:
        """List the lines that are asked for, the newest first."""
        audit, wanted = self._for(request), WantedLines.of(request.query_params)
        query = wanted.query()
        found, lines = await run_in_threadpool(audit.find, query)
        values = {
            "lines": lines,
            "found": found,
            "first": query.start + 1,
            "more": found > query.start + AT_ONCE,
            "wanted": wanted,
            "kinds": KIND_WORDS,
        }
        body = await run_in_threadpool(lambda: self.render("record.html", **values))
        return HTMLResponse(body, headers={"cache-control": "no-store"})

    async def table(self, request: Request) -> Response:
        """Return the lines of a view as CSV, the newest first."""
        audit, wanted = self._for(request), WantedLines.of(request.query_params)
        query = wanted.query(start=0, most=_MOST)
        text = await run_in_threadpool(lambda: as_csv(audit.find(query)[1]))
        headers = {"content-disposition": 'attachment; filename="record.csv"', "cache-control": "no-store"}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    def _for(self, request: Request) -> Audit:
        """Return the record; raises ForbiddenError for who may not read it."""
        person_of(request).require("audit")
        if self.audit is None:
            raise HTTPException(404, "Nothing is put on record here.")
        return self.audit
