"""The pages without forms for verdicts: entities, questions, history, summary and API."""

from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import Response

from gnnneg.curation import entity, search
from gnnneg.curation.page import links
from gnnneg.curation.page.desk import Desk
from gnnneg.curation.page.forms import Number
from gnnneg.curation.page.pages import Pages
from gnnneg.curation.page.rendering import percent, statics
from gnnneg.curation.page.said import differ
from gnnneg.curation.queues.audit import Audit
from gnnneg.errors import UserError
from gnnneg.plain import records
from gnnneg.verdicts import Row, Statement, agreed, summary
from gnnneg.verdicts.agreed import CONFLICT

ROWS = 100  # of the history on one page
CONFLICTS = 100  # shown at once
ROLES = list(Statement._fields)


def routes(pages: Pages, app: FastAPI) -> APIRouter:
    """The routes. The API page describes ``app``."""
    router, desk, files = APIRouter(include_in_schema=False), pages.desk, statics()

    @router.get("/")
    def home(request: Request) -> Response:
        judged, data = pages.judged(request), desk.served.data
        lines = [
            {"line": line, "left": pages.left(line, judged), "done": line.done(judged)} for line in desk.lines.values()
        ]
        counts = {
            "entities": desk.served.num_nodes,
            "relations": desk.served.num_relations,
            **{polarity: data["entity", polarity, "entity"].edge_type.numel() for polarity in ("stated", "denied")},
        }
        runs = [one.name for one in desk.served.predictors]
        return pages("home.html", request, here="home", lines=lines, runs=runs, absent=desk.absent, **counts)

    @router.get("/entity")
    def of_entity(request: Request, name: str) -> Response:
        return pages("entity.html", request, view=entity(desk.served, name))

    @router.get("/search")
    def find(request: Request, text: str = "") -> Response:
        return pages("search.html", request, text=text, found=search(desk.served, text))

    @router.get("/ask")
    def ask(request: Request, head: str = "", relation: str = "", tail: str = "", among: str = "") -> Response:
        asked = {"head": head.strip(), "relation": relation.strip(), "tail": tail.strip(), "among": among.strip()}
        store = desk.served.data["entity"]
        found: dict[str, Any] = {"line": None, "sentence": "", "done": 0, "key": ""}
        if any(asked.values()):
            try:
                key = links.question_key(asked)
                line = desk.line(key)
                items = [(desk.worded(item.statement), item.value) for item in line.items]
                found |= {"line": line, "key": key, "items": items, "done": line.done(pages.judged(request))}
            except UserError as error:
                found |= {"line": None, "sentence": str(error)}
        given = {"asked": asked, "relations": desk.served.data.relation_names}
        types = [str(kind) for kind in store.get("type_names") or ()] if "type" in store else []
        calibrated = desk.served.first.calibration is not None
        status = 400 if found["sentence"] else 200
        return pages("ask.html", request, status, here="Ask", types=types, calibrated=calibrated, **given, **found)

    @router.get("/history")
    def history(request: Request, before: Number | None = None) -> Response:
        last = desk.verdicts.last()
        end = last if before is None else min(before - 1, last)
        begin = max(end - ROWS, 0)
        rows = desk.verdicts.rows(after=begin, limit=end - begin) if end > begin else []
        newer = None if end >= last else (0 if end + ROWS >= last else end + ROWS + 1)
        marked = [_marked(desk, row) for row in reversed(rows)]
        return pages("history.html", request, here="History", rows=marked, older=begin + 1 if begin else 0, newer=newer)

    @router.get("/summary")
    def summed(request: Request) -> Response:
        standing = desk.verdicts.standing()
        whole = agreed(standing)
        contrary = whole[whole["verdict"] == CONFLICT]
        said = summary(desk.verdicts)
        rows = [
            {"statement": desk.worded(Statement(*row)), "said": records(_about(standing, row)[["who", "verdict"]])}
            for row in contrary.iloc[:CONFLICTS][ROLES].itertuples(index=False, name=None)
        ]
        tables = {"people": records(said.people), "agreement": records(said.agreement)}
        found: dict[str, Any] = {
            "summary": said,
            **tables,
            "conflicts": rows,
            "more": max(len(contrary) - CONFLICTS, 0),
        }
        return pages("summary.html", request, here="Summary", audits=_audits(desk, standing), **found)

    @router.get("/docs")
    def docs(request: Request) -> Response:
        return pages("docs.html", request, here="API", schema=app.openapi(), endpoints=_endpoints(app.openapi()))

    @router.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in files:
            raise HTTPException(404)
        content, kind = files[name]
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    return router


def _marked(desk: Desk, row: Row) -> dict[str, Any]:
    """A row, with whether it was taken back and whether people disagree."""
    every = desk.verdicts.rows(statement=row.statement)
    key = desk.served_key(row.queue) if row.queue else ""
    asked = links.question_of(key)
    called = row.queue if asked is None else " ".join(asked.values())
    found = {"row": row, "statement": desk.worded(row.statement), "key": key, "queue": called}
    return {**found, "taken": any(one.undoes == row.id for one in every), "conflict": differ(every)}


def _about(standing: Any, row: tuple[str, ...]) -> Any:
    same = (standing[ROLES] == list(row)).all(axis=1)
    return standing[same & (standing["verdict"] != "skip")]


def _audits(desk: Desk, standing: Any) -> list[dict[str, Any]]:
    """The current estimates of the audits."""
    found = []
    for line in desk.lines.values():
        if not isinstance(line.queue, Audit) or not line.ready or line.trouble:
            continue
        estimate = line.queue.estimate(standing)
        known = estimate.n > 0
        found.append(
            {
                "key": line.key,
                "title": line.title,
                "meaning": line.meaning,
                "n": estimate.n,
                "left": estimate.left,
                "share": percent(estimate.share) if known else "–",
                "interval": f"{percent(estimate.low)} to {percent(estimate.high)}" if known else "–",
            }
        )
    return found


def _endpoints(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of an OpenAPI description that the page shows: each path with its fields."""
    found = []
    for path, methods in schema["paths"].items():
        for method, one in methods.items():
            fields = [_field(given["name"], given["schema"], given) for given in one.get("parameters", ())]
            content = one.get("requestBody", {}).get("content", {})
            for body in content.values():
                named = schema["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
                required = named.get("required", ())
                properties = named["properties"].items()
                fields += [_field(name, inner, {"required": name in required}) for name, inner in properties]
            found.append({"method": method, "path": path, "about": one, "fields": fields})
    return found


def _field(name: str, schema: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    kinds = [one.get("type", "") for one in schema.get("anyOf", [schema])]
    said = " or ".join(kind for kind in kinds if kind and kind != "null")
    if "enum" in schema:
        said = ", ".join(str(one) for one in schema["enum"])
    means = about.get("description") or schema.get("description", "")
    return {"name": name, "type": said, "required": about.get("required", False), "description": means}
