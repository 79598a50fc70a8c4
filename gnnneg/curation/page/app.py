"""The curation page as an ASGI application."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.types import ASGIApp

from gnnneg.curation.page import api, judging, links, reading
from gnnneg.curation.page.desk import Desk
from gnnneg.curation.page.failures import answer_failures, telling
from gnnneg.curation.page.forms import Form
from gnnneg.curation.page.pages import Pages
from gnnneg.curation.page.safety import Safety, cookie_of, same
from gnnneg.curation.queues import Queue
from gnnneg.curation.served import Served
from gnnneg.verdicts import Verdicts

ABOUT = "Predictions, explanations, queues and verdicts of the runs that this server has loaded, as JSON."
POSTED = 303


def create_app(
    served: Served,
    queues: Sequence[Queue],
    verdicts: Verdicts,
    *,
    host: str = "127.0.0.1",
    token: str | None = None,
    who: str | None = None,
    absent: Mapping[str, str] | None = None,
    debug: bool = False,
) -> ASGIApp:
    """The curation page and its API.

    Args:
        served (Served): The runs.
        queues (list[Queue]): The queues; they are computed in the background.
        verdicts (Verdicts): The record of verdicts.
        host (str): The address on which the server will listen; requests for other names are refused.
            (default: this machine's own)
        token (str, optional): A token that visitors must give. (default: none)
        who (str, optional): The name to use if a browser has not given one. (default: each browser is asked)
        absent (dict, optional): The titles of missing queues, each with the reason. (default: none)
        debug (bool): Whether tracebacks are printed. (default: :obj:`False`)
    """
    desk = Desk(served, queues, verdicts, absent or {})
    background = desk.prepare()
    pages = Pages(desk, who)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        background.end()

    # FastAPI's own API pages load scripts from other servers
    own: dict[str, Any] = {"docs_url": None, "redoc_url": None, "lifespan": lifespan}
    app = FastAPI(title="gnnneg", version=version("gnnneg"), description=ABOUT, **own)
    app.state.desk = desk
    app.include_router(judging.routes(pages))
    app.include_router(reading.routes(pages, app))
    app.include_router(api.routes(pages))
    tell = telling(pages.bare)

    @app.post("/login", include_in_schema=False)
    def login(request: Request, form: Form) -> Response:
        if token is None:
            return RedirectResponse("/", POSTED)
        if not same(form.get("token", ""), token):
            return tell(request, 401, "This is not the token: copy it from the terminal of the server.")
        address = links.inside(form.get("next", "/"))
        return RedirectResponse(address, POSTED, {"Set-Cookie": cookie_of(token)})

    answer_failures(app, tell, debug)
    return Safety(app, tell, host, token)
