"""The name of the person who judges, from the browser or from the start of the server."""

import unicodedata
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from gnnneg.errors import UserError
from gnnneg.plain import visible

COOKIE = "gnnneg_who"
LONGEST = 60  # letters of a name
KEPT = 400 * 86_400  # seconds, which is as long as browsers allow


def person(name: str) -> str:
    """The name as it is recorded: in Unicode form NFC, without spaces around it.

    Raises:
        UserError: If it is empty, too long, or has invisible characters.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if not name:
        raise UserError("Your name is empty: give your name.")
    if len(name) > LONGEST:
        raise UserError(f"Your name has {len(name):,} letters: give at most {LONGEST}.")
    if visible(name) != name or "\n" in name or "\t" in name:
        raise UserError("Your name has invisible characters: leave them out.")
    return name


def known(request: Request, default: str | None) -> str | None:
    """The name of the person who sends a request, from the cookie or the default."""
    try:
        return person(unquote(request.cookies.get(COOKIE, "")))
    except UserError:
        return default


def remember(response: Response, name: str) -> None:
    """Makes the browser keep the name."""
    response.set_cookie(COOKIE, quote(name, safe=""), max_age=KEPT, path="/", httponly=True, samesite="lax")
