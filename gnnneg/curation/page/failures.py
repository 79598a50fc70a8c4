"""Errors as one sentence: a page for people, JSON for programs, never a traceback."""

import sys
import traceback
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gnnneg.errors import UserError, echo
from gnnneg.plain import visible

Page = Callable[..., Response]
PROGRAMS = ("/api/", "/openapi.json")  # requests to these get JSON
SENTENCES = {
    404: "There is no such page: go to the first page.",
    405: "This page cannot be requested in this way: go to the first page.",
}


def telling(page: Page) -> Callable[[Request, int, str], Response]:
    """Makes the function that refuses a request, from the request, a status and a sentence.

    Args:
        page (callable): Renders a template by its name.
    """

    def tell(request: Request, status: int, sentence: str) -> Response:
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        if request.url.path.startswith(PROGRAMS) or "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"detail": sentence}, status, headers)
        name = "login.html" if status == 401 else "error.html"
        return page(name, request, status, headers, sentence=sentence)

    return tell


def answer_failures(app: FastAPI, tell: Callable[[Request, int, str], Response], debug: bool = False) -> None:
    """Makes an application answer its exceptions with one sentence.

    Args:
        app (FastAPI): The application.
        tell (callable): The function that :func:`telling` makes.
        debug (bool): Whether the terminal shows tracebacks. (default: :obj:`False`)
    """

    async def bad_input(request: Request, error: Any) -> Response:
        return tell(request, 400, " ".join(str(error).split()))

    async def of_http(request: Request, error: Any) -> Response:
        return tell(request, error.status_code, SENTENCES.get(error.status_code, f"{error.detail}."))

    async def not_valid(request: Request, error: Any) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "The body"
        if first["type"] == "missing":
            return tell(request, 422, f"{where} is missing: give it.")
        said = f"{first['msg'][0].lower()}{first['msg'][1:]}"
        return tell(request, 422, f"{where}: {said}, not {echo(first.get('input'))}.")

    async def broken(request: Request, error: Exception) -> Response:
        if debug:
            traceback.print_exception(error)
        where = visible(request.url.path)
        print(f"{where}: unexpected {type(error).__name__}: {visible(str(error))}", file=sys.stderr)
        return tell(request, 500, "The server failed: its terminal shows the error.")

    app.add_exception_handler(UserError, bad_input)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, not_valid)
    app.add_exception_handler(Exception, broken)
