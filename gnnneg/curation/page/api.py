"""The JSON interface for other programs: predictions, explanations, queues and verdicts."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from gnnneg.curation import entity, search
from gnnneg.curation.page import links
from gnnneg.curation.page.desk import Desk
from gnnneg.curation.page.forms import Number
from gnnneg.curation.page.pages import Pages
from gnnneg.curation.page.people import person
from gnnneg.curation.predictor import turn
from gnnneg.errors import UserError, echo, nearest
from gnnneg.plain import finite, records
from gnnneg.verdicts import Statement, summary

MOST = 1_000  # rows of one answer
LONGEST = 4_000  # letters of a reason

Name = Annotated[str, Query(description="Name, label or synonym.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Largest number of results.")]
Whole = Annotated[str, Field(min_length=1, max_length=LONGEST, description="Name, label or synonym.")]


class Judgement(BaseModel):
    """A verdict on a statement."""

    head: Whole
    relation: Whole
    tail: Whole
    verdict: Literal["accept", "deny", "unsure", "skip", "note"]
    who: Annotated[str, Field(description="Who judges; a browser's cookie says so, too.")] = ""
    why: Annotated[str, Field(max_length=LONGEST, description="The reason, or the text of a note.")] = ""
    queue: Annotated[str, Field(description="The queue that it is from.")] = ""


class Person(BaseModel):
    """Somebody who judges."""

    who: Annotated[str, Field(description="Who judges; a browser's cookie says so, too.")] = ""


def routes(pages: Pages) -> APIRouter:
    """The routes under ``/api``."""
    router, desk = APIRouter(prefix="/api"), pages.desk

    @router.get("/predict", summary="The best answers to a question.")
    def predict(
        relation: Annotated[str | None, Query(description="Name, label or synonym; asked for if missing.")] = None,
        head: Annotated[str | None, Query(description="The same for the head.")] = None,
        tail: Annotated[str | None, Query(description="The same for the tail.")] = None,
        among: Annotated[str | None, Query(description="Only entities of this type.")] = None,
        new: Annotated[bool, Query(description="Leaves out what the data state or deny.")] = False,
        top: Limit = 10,
        run: Annotated[str | None, Query(description="Which run answers (default: the first).")] = None,
    ) -> JSONResponse:
        """Give two of head, relation and tail to ask for the third, or all three for a score. The answers are those of
        'gnnneg predict'.
        """
        place = _place(desk, run)
        kept = desk.served.predictors[place].encoded
        with turn:
            answers = desk.served.runs[place].predict(head, relation, tail, top, new, among, encode=kept)
        return _json(records(answers))

    @router.get("/explain", summary="Everything known about one statement.")
    def explain(head: Name, relation: Name, tail: Name) -> JSONResponse:
        """The opinion of each run, the nearest statements, paths, and other statements about its entities."""
        return _json(asdict(desk.view(Statement(head, relation, tail))))

    @router.get("/entity", summary="Everything known about one entity.")
    def of_entity(name: Name) -> JSONResponse:
        """Its stated, denied and predicted statements."""
        return _json(asdict(entity(desk.served, name)))

    @router.get("/search", summary="Finds entities by name.")
    def find(
        text: Annotated[str, Query(description="A name, label or synonym, or a part of it.")], top: Limit = 20
    ) -> Any:
        """Exact matches come first, then prefixes, then names that contain the text, then similar names."""
        return _json([asdict(one) for one in search(desk.served, text, top)])

    @router.get("/queues", summary="The queues of statements to judge.")
    def queues(request: Request) -> JSONResponse:
        """Each has the number of statements that you have judged; null while the queue is being computed."""
        judged = pages.judged(request)
        return _json(
            [
                {
                    "key": line.key,
                    "title": line.title,
                    "meaning": line.meaning,
                    "total": len(line.items) if line.ready and not line.trouble else None,
                    "judged": line.done(judged) if line.ready and not line.trouble else None,
                    "trouble": line.trouble,
                }
                for line in desk.lines.values()
            ]
        )

    @router.get("/queues/{key}", summary="The statements of one queue.")
    def queue(
        key: str,
        after: Annotated[int, Query(ge=0, description="Number of statements to skip.")] = 0,
        limit: Limit = 100,
    ) -> JSONResponse:
        """In their order. Each has the value by which it is sorted, and why it is in the queue."""
        items = desk.line(key).items[after : after + limit]
        return _json([{**asdict(item), "url": links.statement_url(item.statement, key)} for item in items])

    @router.get("/ask", summary="The answers to a question, as a queue to judge.")
    def ask(relation: Name, head: str = "", tail: str = "", among: str = "", limit: Limit = 100) -> JSONResponse:
        """New answers, the most plausible first; ``key`` names the queue."""
        key = links.question_key({"head": head, "relation": relation, "tail": tail, "among": among})
        return _json({"key": key, "items": [asdict(item) for item in desk.line(key).items[:limit]]})

    @router.get("/verdicts", summary="The record of verdicts.")
    def rows(
        after: Annotated[Number, Query(description="The id of the last row that you have.")] = 0,
        limit: Limit = MOST,
    ) -> JSONResponse:
        """The rows after this one, in their order. For more, ask again with the last id."""
        return _json([asdict(row) for row in desk.verdicts.rows(after=after, limit=limit)])

    @router.post("/verdicts", summary="Records a verdict or a note.", status_code=201)
    def judge(request: Request, given: Judgement) -> JSONResponse:
        """It is saved before the answer is sent, with the current score of the first run. The answer has its id."""
        asked = Statement(given.head, given.relation, given.tail)
        who = _who(pages, request, given.who)
        return _json({"id": desk.judge(asked, given.verdict, who, given.why, given.queue)}, 201)

    @router.post("/undo", summary="Takes back your last verdict.")
    def undo(request: Request, given: Person) -> JSONResponse:
        """Returns the row that was taken back. It stays in the record, as does the row that takes it back."""
        row = desk.verdicts.undo(_who(pages, request, given.who))
        if row is None:
            raise UserError("You have no verdict to take back.")
        return _json({"row": {**asdict(row), "url": links.statement_url(row.statement, desk.served_key(row.queue))}})

    @router.get("/summary", summary="The record in numbers.")
    def summed() -> JSONResponse:
        """Counts of accepted, denied, unsure and conflicting statements, for each person too, and Cohen's kappa."""
        return _json(summary(desk.verdicts).as_dict())

    return router


def _json(value: Any, status: int = 200) -> JSONResponse:
    """A JSON answer. Numbers that are not finite become null, because JSON cannot express them."""
    return JSONResponse(finite(value), status)


def _place(desk: Desk, name: str | None) -> int:
    """The index of the run with this name; the first, if no name is given."""
    names = [one.name for one in desk.served.predictors]
    if name is not None and name not in names:
        raise UserError(f"No run {echo(name)} is served: {nearest(name, names)}")
    return 0 if name is None else names.index(name)


def _who(pages: Pages, request: Request, given: str) -> str:
    who = person(given) if given else pages.who(request)
    if who is None:
        raise UserError("The server does not know who you are: give your name as 'who'.")
    return who
