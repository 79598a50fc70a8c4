"""The pages on which people judge. Each form also works without the script."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from gnnneg.curation.page import links, people
from gnnneg.curation.page.desk import Line
from gnnneg.curation.page.forms import Fields, Form, Number
from gnnneg.curation.page.pages import Pages
from gnnneg.curation.page.rendering import PAST
from gnnneg.curation.page.said import of_statement
from gnnneg.curation.queues import Item
from gnnneg.errors import UserError
from gnnneg.verdicts import Row, Statement

MOST = 1_000  # verdicts in one answer to the script, the newest ones
NEWS = 3  # verdicts of others in one message
POSTED = 303  # the status that redirects after a form


def routes(pages: Pages) -> APIRouter:
    """The routes of a queue, a statement and its verdicts."""
    router, desk = APIRouter(include_in_schema=False), pages.desk

    @router.get("/queue")
    def queue(request: Request, key: str) -> Response:
        if pages.who(request) is None:
            return _asking(request)
        line = desk.line(key)
        if not line.ready and key in desk.lines:
            return pages("working.html", request, headers={"Refresh": "2"}, line=line, key=key)
        item = line.next(pages.judged(request))
        if item is None:
            return pages("done.html", request, line=line, key=key, total=len(line.items))
        return RedirectResponse(links.statement_url(item.statement, key), POSTED)

    @router.get("/statement")
    def statement(request: Request, head: str, relation: str, tail: str, queue: str = "") -> Response:
        who = pages.who(request)
        if who is None:
            return _asking(request)
        asked = Statement(head, relation, tail)
        said = of_statement(desk.verdicts.rows(statement=asked))
        place = _place(desk.line(queue), asked, pages.judged(request)) if queue else {}
        found: dict[str, Any] = {"view": desk.view(asked), "statement": asked, "key": queue, "said": said}
        return pages("statement.html", request, **found, **({"line": None, "next": ""} | place))

    @router.post("/judge")
    def judge(request: Request, form: Form) -> Response:
        asked, key = _statement(form), form.get("queue", "")
        who = _known(pages.who(request))
        verdict = form.get("verdict", "")
        desk.judge(asked, verdict, who, form.get("why", ""), key)
        if not key or verdict == "note":
            return RedirectResponse(links.statement_url(asked, key), POSTED)
        line = desk.line(key)
        place = line.place(asked)
        item = line.next(pages.judged(request), -1 if place is None else place)
        return RedirectResponse(links.statement_url(item.statement, key) if item else links.queue_url(key), POSTED)

    @router.post("/undo")
    def undo(request: Request) -> Response:
        row = desk.verdicts.undo(_known(pages.who(request)))
        if row is None:
            raise UserError("You have no verdict to take back.")
        return RedirectResponse(links.statement_url(row.statement, desk.served_key(row.queue)), POSTED)

    @router.get("/live")
    def live(
        request: Request,
        after: Number,
        seen: Number | None = None,
        head: str = "",
        relation: str = "",
        tail: str = "",
        queue: str = "",
    ) -> Response:
        """For the script: the changes since a row of the record, with those of the statement on the screen."""
        who, judged = pages.who(request), pages.judged(request)
        rows = desk.verdicts.rows(after=max(after, desk.verdicts.last() - MOST))
        others = [row for row in rows if row.who != who]
        mine = [row for row in rows if row.who == who and row.verdict != "note"]
        found: dict[str, Any] = {
            "last": rows[-1].id if rows else after,
            "left": {line.key: pages.left(line, judged) for line in desk.lines.values()},
            "news": [_news(row) for row in others[-NEWS:]],
            "mine": [links.statement_url(row.statement, row.queue) for row in mine if row.undoes is None],
            "back": [links.statement_url(row.statement, row.queue) for row in mine if row.undoes is not None],
            "judged": None,
            "said": None,
        }
        asked = Statement(head, relation, tail)
        if queue and desk.line(queue).ready:
            found["judged"] = desk.line(queue).done(judged)
        every = desk.verdicts.rows(statement=asked) if head and relation and tail else []
        if every and every[-1].id > (after if seen is None else seen):
            found["said"] = pages.templates.get_template("said.html").render(said=of_statement(every))
        return JSONResponse(found)

    @router.get("/who")
    def ask(request: Request, next: str = "/") -> Response:
        return pages("who.html", request, next=links.inside(next), longest=people.LONGEST)

    @router.post("/who")
    def tell(form: Form) -> Response:
        name = people.person(form.get("who", ""))
        answer = RedirectResponse(links.inside(form.get("next", "/")), POSTED)
        people.remember(answer, name)
        return answer

    return router


def _asking(request: Request) -> Response:
    """Asks for the name first, then returns to the page."""
    here = f"{request.url.path}?{request.url.query}"
    return RedirectResponse(f"/who?{links.urlencode({'next': here})}", POSTED)


def _known(who: str | None) -> str:
    if who is None:
        raise UserError("The server does not know who you are: give your name on page /who, or as 'who' in the API.")
    return who


def _statement(form: Fields) -> Statement:
    lacking = [name for name in Statement._fields if not form.get(name)]
    if lacking:
        raise UserError(f"The statement has no {lacking[0]}: give a head, a relation and a tail.")
    return Statement(*(form[name] for name in Statement._fields))


def _place(line: Line, asked: Statement, judged: set[Statement]) -> dict[str, Any]:
    """The position of a statement in its queue, and the statements before and after it."""
    place = line.place(asked)
    found: dict[str, Any] = {"line": line, "place": place, "done": line.done(judged), "mine": asked in judged}
    if place is None:  # a bookmark of a queue that has changed since
        return {**found, "item": None, "before": None, "behind": None, "next": links.queue_url(line.key)}
    following = line.next(judged, place)

    def url(item: Item | None) -> str | None:
        return None if item is None else links.statement_url(item.statement, line.key)

    return {
        **found,
        "item": line.items[place],
        "before": url(line.beside(place, -1)),
        "behind": url(line.beside(place, 1)),
        "next": url(following) or links.queue_url(line.key),
    }


def _news(row: Row) -> str:
    return f"{row.who} {PAST[row.verdict]} “{row.head} {row.relation} {row.tail}”."
